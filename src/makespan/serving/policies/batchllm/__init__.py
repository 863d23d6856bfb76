"""BatchLLM: a whole batch of prompts, planned before it is served.

"BatchLLM: Optimizing Large Batched LLM Inference with Global Prefix Sharing and Throughput-oriented
Token Batching" (Zheng, Ji, Fang, Zhou, Liu, Peng; arXiv 2412.03594). All prompts are known up
front, latencies do not matter. What prompts share is found in one prefix tree (:mod:`.tree`) and
flattened to one shared prefix per request (:mod:`.grouping`); groups that decode much for what they
prefill go first (:mod:`.plan`); admission is limited by memory instead of by numbers of requests
(:mod:`.policy`). In a fleet, groups stay together (:mod:`.routing`, ours). What the paper's
attention kernel could save at most is in :mod:`.attention`.
"""

from makespan.serving.policies.batchllm.plan import Group as Group
from makespan.serving.policies.batchllm.plan import Plan as Plan
from makespan.serving.policies.batchllm.planning import plan_batch as plan_batch
from makespan.serving.policies.batchllm.planning import plan_workload as plan_workload
from makespan.serving.policies.batchllm.policy import BatchLLM as BatchLLM
from makespan.serving.policies.batchllm.routing import PrefixGroups as PrefixGroups
