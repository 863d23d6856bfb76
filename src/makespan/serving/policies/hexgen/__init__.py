"""HexGen-Text2SQL: deadlines of whole queries on engines of different speed.

"HEXGEN-TEXT2SQL: Optimizing LLM Inference Request Scheduling for Agentic Text-to-SQL Workflow"
(arXiv 2505.05286). A router weighs the speed of an engine for a stage against the work it has
(:mod:`.routing`); the queue of each engine starts the call that has used most of its share of its
query's deadline (:mod:`.urgency`, :mod:`.budget`, :mod:`.workflow`); both read one table of service
times (:mod:`.profile`), and simulation finds the weight (:mod:`.tuning`).
"""
