"""The parts of GitHub's and GitLab's APIs that keep comments, on loopback: what a real one does with them, in memory."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-of-the-pipeline"


@dataclass
class Forge:
    """`comments`: id → (author, body), in the order they were made. Whoever comes with the token is `bot` and may change only its own."""

    url: str = ""
    comments: dict[int, tuple[str, str]] = field(default_factory=dict)
    refuses: int = 0

    def bodies(self) -> list[str]:
        return [body for _, body in self.comments.values()]


@contextmanager
def forge() -> Iterator[Forge]:
    """A server until the block ends."""
    made = Forge()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            size, page = int(asked["per_page"][0]), int(asked["page"][0])
            every = [{"id": one, "body": body} for one, (_, body) in made.comments.items()]
            self._say(200, every[(page - 1) * size : page * size])

        def do_POST(self) -> None:
            number = len(made.comments) + 1
            made.comments[number] = ("bot", self._body())
            self._say(201, {"id": number, "html_url": f"{made.url}/c/{number}"})

        def do_PATCH(self) -> None:
            found = re.search(r"/(?:issues/comments|notes)/(\d+)$", self.path)
            number = int(found[1]) if found else 0
            body = self._body()
            if number not in made.comments:
                return self._say(404, {"message": "Not Found"})
            if made.comments[number][0] != "bot":
                return self._say(403, {"message": "Forbidden"})
            made.comments[number] = ("bot", body)
            return self._say(200, {"id": number, "html_url": f"{made.url}/c/{number}"})

        def do_PUT(self) -> None:
            self.do_PATCH()

        def _body(self) -> str:
            return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

        def _say(self, code: int, said: object) -> None:
            known = (f"Bearer {TOKEN}", TOKEN)
            given = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN")
            code, said = (code, said) if given in known else (401, {"message": "Bad credentials"})
            code, said = (made.refuses, {"message": "no"}) if made.refuses else (code, said)
            text = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
