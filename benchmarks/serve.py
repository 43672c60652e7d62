"""How many pictures a second `convscope serve` answers, and how long the last one in a hundred waits.

LeNet-5 (the one in the package), the test digits of MNIST as PNG files, 64 clients that ask again as soon as they are
answered, over kept connections, in processes of their own on the same machine. Every answer's label is compared with that of
`convscope predict`. Beside it a plain service: FastAPI and PyTorch, every request asks the net by itself.

    python benchmarks/serve.py [--seconds 60] [--clients 64]
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing as mp
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PROCESSES = 2
SECONDS, CLIENTS = 60, 64
RATE, LATENCY = 1500, 100
PLAIN = """
import io, sys, torch, uvicorn, numpy as np
from fastapi import FastAPI, Request
from PIL import Image
import convscope as cs
run = cs.Run(sys.argv[1])
net, app = run.net(), FastAPI()

@app.post("/predict")
async def predict(request: Request):
    picture = np.asarray(Image.open(io.BytesIO(await request.body())).convert("L"))
    with torch.no_grad():
        chances = torch.softmax(-net(torch.from_numpy(run.normalised(np.pad(picture, 2)[None, None])))[0] / 2, 0)
    best = int(chances.argmax())
    return {"label": run.classes[best], "probability": float(chances[best])}

uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
"""


def digits(count: int) -> tuple[list[bytes], list[str]]:
    """PNG files of test digits, and the labels that `predict` gives them."""
    import convscope as cs
    from convscope.prediction import Predictor

    files = []
    for picture in cs.images("mnist").test.pixels[:count]:
        held = io.BytesIO()
        Image.fromarray(picture[0]).save(held, "PNG")
        files.append(held.getvalue())
    asked = Predictor(cs.Run(packaged()))
    return files, [said.label for said in asked.answers([asked.prepared(file) for file in files])]


def packaged() -> Path:
    import convscope

    return Path(convscope.__file__).parent / "packaged" / "lenet5"


def ask(port: int, files: list[bytes], labels: list[str], clients: int, seconds: float, told: Any) -> None:
    """Clients of one process: each sends, waits for the whole answer, and sends again."""
    asks = [
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
        % len(file)
        + file
        for file in files
    ]
    wanted = [f'"label":"{label}"'.encode() for label in labels]
    waits: list[float] = []
    errors, at, held = 0, os.getpid(), selectors.DefaultSelector()
    end = time.perf_counter() + seconds

    def send(client: list[Any]) -> None:
        nonlocal at
        at += 1
        client[1:] = [time.perf_counter(), at % len(asks), b""]
        client[0].sendall(asks[client[2]])

    for _ in range(clients):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = [link, 0.0, 0, b""]
        held.register(link, selectors.EVENT_READ, client)
        send(client)
    while (now := time.perf_counter()) < end:
        for key, _ in held.select(0.1):
            client = key.data
            client[3] += client[0].recv(65536)
            head, gap, body = client[3].partition(b"\r\n\r\n")
            if gap and len(body) >= int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
                waits.append(time.perf_counter() - client[1])
                right = head.startswith(b"HTTP/1.1 200") and wanted[client[2]] in body.replace(
                    b'": "', b'":"'
                )
                errors += not right
                send(client)
            elif not client[3]:
                errors += 1
                held.unregister(client[0])
    told.put((waits, errors, now))


def measured(
    command: list[str], port: int, files: list[bytes], labels: list[str], clients: int, seconds: float
) -> dict[str, Any]:
    """Start a service, ask it, end it."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        told: Any = mp.Queue()
        each = clients // PROCESSES
        asking = [
            mp.Process(target=ask, args=(port, files, labels, each, seconds, told)) for _ in range(PROCESSES)
        ]
        before = cpu(server.pid)
        for one in asking:
            one.start()
        answers = [told.get(timeout=seconds + 60) for _ in asking]
        used = cpu(server.pid) - before
        for one in asking:
            one.join()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)
    waits = np.sort(np.concatenate([one[0] for one in answers])) * 1000
    return {
        "pictures_per_second": round(len(waits) / seconds),
        "milliseconds": {f"p{p}": round(float(np.percentile(waits, p)), 1) for p in (50, 95, 99, 99.9)},
        "slowest": round(float(waits[-1]), 1),
        "errors": sum(one[1] for one in answers),
        "answers": len(waits),
        "server_cores": round(used / seconds, 2),
    }


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=SECONDS)
    options.add_argument("--clients", type=int, default=CLIENTS)
    options.add_argument("--no-peer", action="store_true")
    chosen = options.parse_args()
    files, labels = digits(500)
    own = [sys.executable, "-m", "convscope", "serve", str(packaged()), "--port", "8391"]
    found = {"convscope": measured(own, 8391, files, labels, chosen.clients, chosen.seconds)}
    print(json.dumps(found))
    if not chosen.no_peer:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "plain.py"
            script.write_text(PLAIN)
            peer = [sys.executable, str(script), str(packaged()), "8392"]
            found["plain"] = measured(peer, 8392, files, labels, chosen.clients, min(10, chosen.seconds))
        print(json.dumps({"plain": found["plain"]}))
    said = found["convscope"]
    reached = (
        said["pictures_per_second"] >= RATE and said["milliseconds"]["p99"] < LATENCY and not said["errors"]
    )
    print(
        f"aim: {RATE:,} pictures a second, 99 in 100 within {LATENCY} ms, no error: {'reached' if reached else 'missed'}"
    )
    sys.exit(not reached)


if __name__ == "__main__":
    main()
