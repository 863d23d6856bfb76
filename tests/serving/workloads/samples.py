"""Tiny texts in every format, made by hand, with what they say."""

from __future__ import annotations

AZURE_2023 = """TIMESTAMP,ContextTokens,GeneratedTokens\r
2023-11-16 18:17:03.9799600,4808,10\r
2023-11-16 18:17:04.0319600,3180,8\r
2023-11-16 18:17:03.9799601,110,27"""

AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 23:59:59.009930+00:00,2162,5
2024-05-11 00:00:00+00:00,2399,6
2024-05-11T02:00:00.5+02:00,76,15
"""

MOONCAKE = """{"timestamp": 0, "input_length": 1030, "output_length": 50, "hash_ids": [0, 1, 2]}
{"timestamp": 27482, "input_length": 1024, "output_length": 1, "hash_ids": [0, 3]}
{"timestamp": 30535, "input_length": 500, "output_length": 12, "hash_ids": [4]}
"""

BAILIAN = """{"chat_id": 7, "parent_chat_id": -1, "timestamp": 0.25, "input_length": 40, "output_length": 9, "type": "text", "turn": 1, "hash_ids": [5, 6, 7]}
{"chat_id": 9, "parent_chat_id": -1, "timestamp": 1, "input_length": 33, "output_length": 5, "type": "search", "turn": 1, "hash_ids": [8, 6, 9]}
{"chat_id": 11, "parent_chat_id": 7, "timestamp": 61.114, "input_length": 50, "output_length": 3, "type": "text", "turn": 2, "hash_ids": [5, 6, 10, 11]}
"""

BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,230,1317,Conversation log
118,GPT-4,417,276,693,Conversation log
118.5,ChatGPT,90,0,90,API log
"""

BURSTGPT_SESSIONS = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
1.5,a-1,2.25,GPT-4,10,20,30,Conversation log
2,,0.5,ChatGPT,11,21,32,API log
3.25,a-1,1.5,GPT-4,40,22,62,Conversation log
4,b,1,GPT-4,9,1,10,Conversation log
"""

RUN = """{"request_id": "bench-0", "input_toks": 2358, "output_toks": 531, "arrival_time": 1787267980.0827403, "queued_ts": 27536.660701067, "scheduled_ts": 27536.660721646, "first_token_ts": 27537.350135653, "last_token_ts": 27554.231018618}
{"request_id": "bench-1", "input_toks": 1034, "output_toks": 769, "arrival_time": 1787267980.3478317, "queued_ts": 27537.047603549, "scheduled_ts": 27537.047613531, "first_token_ts": 27537.350135653, "last_token_ts": 27562.279894586}
"""

RUN_META = """{
  "schema_version": 1, "model": "some/model", "vllm_version": "0.19.0",
  "engine_kwargs": {"max_num_seqs": 256, "max_num_batched_tokens": 2048},
  "kv_cache": {"num_gpu_blocks": 2588, "block_size": 16, "enable_prefix_caching": true},
  "hardware": {"device_name": "NVIDIA GeForce RTX 4090"}
}
"""

SESSIONS = """{"session_id": "s0", "arrival_time_ns": 4059740, "sub_requests": [{"input_toks": 1472, "output_toks": 133, "tool_duration_ns": 127348767}, {"input_toks": 1582, "output_toks": 125, "tool_duration_ns": 197295027}, {"input_toks": 1734, "output_toks": 77, "tool_duration_ns": 0}]}
{"input_toks": 3, "output_toks": 2, "arrival_time_ns": 100}
{"session_id": "s1", "arrival_time_ns": 5000000, "sub_requests": [{"input_toks": 4, "output_toks": 5}]}
"""

VIDUR = """num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio
3772,54,3826,69.85185185185185
2015,156,2171,12.916666666666666
"""

SPLITWISE = """request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size
0,2,0,0.5,1,100,20
1,2,0,0.25,1,200,30
"""

SERVEGEN_TRACE = """0,2.0,1.0,Gamma,1.0,0.5
600,0,0,,0,0
1200,4.0,2.0,Weibull,0.6,0.166
"""

SERVEGEN_DATASET = """{
  "0": {"input_tokens": "{10: 0.25, 20: 0.75}", "output_tokens": "{3: 1.0}"},
  "600": {"input_tokens": "{}", "output_tokens": "{}"},
  "1200": {"input_tokens": "{30: 1.0}", "output_tokens": "{4: 0.5, 5: 0.5}", "reason_ratio": "{0.0: 1.0}"}
}
"""

OWN_CSV = """arrival_s,prompt_tokens,output_tokens,slo,label,parents,delays_ms,content,program
0.5,100,10,,chat,,,1 2,0
0.25,50,5,,code,,,1,
1,120,4,,chat,0,1500,1 2 3,0
"""

OWN_JSONL = """{"makespan_workload": 1, "name": "mine", "grain_tokens": 8, "slos": [{"name": "fast", "ttft_ps": 2000000000000}], "labels": ["x"]}
{"arrival_us": 2.5, "prompt_tokens": 30, "output_tokens": 2, "slo": "fast", "cap_tokens": 64, "priority": -1}
{"arrival_us": 3, "prompt_tokens": 30, "output_tokens": 2, "label": "x", "parents": [0], "content": [5, 6]}
"""

TEXTS = {
    "azure-2023": ("azure", AZURE_2023),
    "azure-2024": ("azure", AZURE_2024),
    "mooncake": ("mooncake", MOONCAKE),
    "bailian": ("bailian", BAILIAN),
    "burstgpt": ("burstgpt", BURSTGPT),
    "burstgpt-sessions": ("burstgpt", BURSTGPT_SESSIONS),
    "run": ("llmservingsim-run", RUN),
    "sessions": ("llmservingsim", SESSIONS),
    "vidur": ("token-lengths", VIDUR),
    "splitwise": ("token-lengths", SPLITWISE),
    "own-csv": ("makespan-csv", OWN_CSV),
    "own-jsonl": ("makespan-jsonl", OWN_JSONL),
}
"""Texts that :func:`read_workload` takes, with the format they are in."""
