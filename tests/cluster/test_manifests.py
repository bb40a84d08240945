"""The files that start a cluster are what Ray takes, and have the groups that the documents promise."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from running import REPOSITORY

CLOUD = REPOSITORY / "ray_cluster.yaml"
ON_PREMISES = REPOSITORY / "augment" / "cluster" / "on_premises.yaml"
KUBERAY = REPOSITORY / "augment" / "cluster" / "kuberay.yaml"


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", [CLOUD, ON_PREMISES], ids=lambda path: path.name)
def test_ray_up_takes_the_file(path: Path) -> None:
    """Prepared and checked as ``ray up`` does it: with the provider's defaults, against Ray's own schema and rules."""
    validate_config(prepare_config(read(path)))


def test_ray_s_own_validation_does_refuse() -> None:
    broken = copy.deepcopy(read(CLOUD))
    broken["available_node_types"]["tests"]["min_workers"] = "two"
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config(broken))
    headless = read(CLOUD) | {"head_node_type": "nobody"}
    with pytest.raises(ValueError, match="head_node_type"):
        validate_config(prepare_config(headless))


def test_the_groups_are_a_head_without_load_one_for_tests_and_one_for_the_model_that_scales_to_zero() -> None:
    groups = prepare_config(read(CLOUD))["available_node_types"]
    assert groups["head"]["resources"] == {"CPU": 0}
    assert groups["tests"]["min_workers"] >= 1
    assert (groups["model"]["min_workers"], groups["model"]["max_workers"]) == (0, 1)


@pytest.mark.parametrize("path", [CLOUD, ON_PREMISES], ids=lambda path: path.name)
def test_ray_asks_for_a_token_wherever_it_is_started(path: Path) -> None:
    content = read(path)
    starts = [line for key in ("head_start_ray_commands", "worker_start_ray_commands") for line in content[key]]
    starts = [line for line in starts if "ray start" in line]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token" in line and "--dashboard-host=0" not in line for line in starts)


def test_the_kubernetes_manifest_says_what_augment_needs_and_that_its_schema_was_not_at_hand() -> None:
    content = read(KUBERAY)
    assert (content["apiVersion"], content["kind"]) == ("ray.io/v1", "RayCluster")
    spec = content["spec"]
    assert spec["rayVersion"] == ray.__version__
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    tests, model = spec["workerGroupSpecs"]
    assert tests["minReplicas"] >= 1
    assert (model["replicas"], model["minReplicas"], model["maxReplicas"]) == (0, 0, 1)
    assert "Not validated against the schema" in KUBERAY.read_text(encoding="utf-8")
    images = set()
    for group in (spec["headGroupSpec"], tests, model):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        images.add(container["image"])
        assert container["resources"]["requests"] == container["resources"]["limits"]
        for amount in container["resources"]["limits"].values():
            assert re.fullmatch(r"\d+(m|[KMGT]i)?", amount)
        mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
        assert mounts == {volume["name"] for volume in group["template"]["spec"].get("volumes", ())}
    assert len(images) == 1
    assert "nvidia.com/gpu" in model["template"]["spec"]["containers"][0]["resources"]["limits"]
