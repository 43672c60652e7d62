"""An MLflow server, told through its REST API (version 2.0): it needs nothing installed here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from convscope.errors import TrackError
from convscope.runs import Run

EXPERIMENT = "convscope"
SECONDS = 20
LONGEST, MANY = 500, 100
"""MLflow's limits: letters of a parameter, parameters at once."""
STATUS = {"finished": "FINISHED", "stopped": "KILLED"}
PROXIED = "mlflow-artifacts:/"


class Server:
    """One run of the experiment `convscope` on a server at `address`.

    Raises:
        TrackError: The address is none.
    """

    def __init__(self, address: str, name: str):
        if urlsplit(address).scheme not in ("http", "https"):
            raise TrackError(
                f"--track mlflow:{address}: an address is wanted, such as mlflow:http://127.0.0.1:5000"
            )
        self.address, self.name, self.run, self.files = address.rstrip("/"), name, "", ""

    def begin(self, run: Run, parameters: Mapping[str, str]) -> str:
        found = self._asked("GET", f"experiments/get-by-name?experiment_name={EXPERIMENT}", missing=True)
        if found:
            experiment = found["experiment"]["experiment_id"]
        else:
            experiment = self._asked("POST", "experiments/create", {"name": EXPERIMENT})["experiment_id"]
        tags = [
            {"key": "net", "value": str(run.info.get("net"))},
            {"key": "source", "value": str(run.info.get("source"))},
        ]
        words = {"experiment_id": experiment, "run_name": self.name, "start_time": _now(), "tags": tags}
        info = self._asked("POST", "runs/create", words)["run"]["info"]
        self.run, self.files = info["run_id"], info["artifact_uri"]
        all_of = [{"key": name, "value": value[:LONGEST]} for name, value in parameters.items()]
        for start in range(0, len(all_of), MANY):
            self._asked(
                "POST", "runs/log-batch", {"run_id": self.run, "params": all_of[start : start + MANY]}
            )
        return f"{self.address}/#/experiments/{experiment}/runs/{self.run}"

    def numbers(self, values: Mapping[str, float], epoch: int) -> None:
        at = _now()
        metrics = [{"key": k, "value": v, "timestamp": at, "step": epoch} for k, v in values.items()]
        self._asked("POST", "runs/log-batch", {"run_id": self.run, "metrics": metrics})

    def picture(self, name: str, png: bytes, epoch: int) -> None:
        self._put(f"{name}/{epoch:03d}.png", png)

    def file(self, path: Path) -> None:
        self._put(path.name, path.read_bytes())

    def end(self, status: str) -> None:
        words = {"run_id": self.run, "status": STATUS.get(status, "FAILED"), "end_time": _now()}
        self._asked("POST", "runs/update", words)

    def _put(self, name: str, data: bytes) -> None:
        """Store a file where the server keeps them itself; a store beside it wants rights that we have not."""
        if not self.files.startswith(PROXIED):
            return
        place = self.files.removeprefix(PROXIED).strip("/")
        address = f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{quote(f'{place}/{name}')}"
        self._sent(Request(address, data, {"Content-Type": "application/octet-stream"}, method="PUT"))

    def _asked(self, method: str, what: str, words: Any = None, *, missing: bool = False) -> Any:
        data = None if words is None else json.dumps(words).encode()
        kind = {"Content-Type": "application/json"}
        request = Request(f"{self.address}/api/2.0/mlflow/{what}", data, kind, method=method)
        return json.loads(self._sent(request, missing=missing) or b"{}")

    def _sent(self, request: Request, *, missing: bool = False) -> bytes:
        try:
            with urlopen(request, timeout=SECONDS) as answer:
                return answer.read()
        except HTTPError as error:
            if missing and error.code == 404:
                return b""
            said = " ".join(error.read(300).decode("utf-8", "replace").split())
            raise TrackError(f"{self.address}: MLflow answered {error.code} ({said})") from None
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise TrackError(
                f"{self.address}: no MLflow server answers there ({reason}); start it, or leave out --track"
            ) from None


def _now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(time.time() * 1000)
