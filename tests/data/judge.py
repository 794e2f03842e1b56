"""Webhooks of the mixed application: converts its widgets and judges them. Python alone.

    python3 judge.py PORT CERTIFICATE KEY

``v1`` has ``spec.size``, a number; ``v1beta1`` has ``spec.width``, the same as text. A widget whose
owner is ``nobody`` is refused.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def converted(widget, wanted):
    made = json.loads(json.dumps(widget))
    spec = made.get("spec", {})
    if wanted.endswith("/v1beta1") and "size" in spec:
        spec["width"] = str(spec.pop("size"))
    if wanted.endswith("/v1") and "width" in spec:
        spec["size"] = int(spec.pop("width"))
    return {**made, "apiVersion": wanted}


def convert(request):
    wanted = request["desiredAPIVersion"]
    objects = [converted(one, wanted) for one in request["objects"]]
    return {"convertedObjects": objects, "result": {"status": "Success"}}


def validate(request):
    owner = (request.get("object") or {}).get("spec", {}).get("owner")
    if owner != "nobody":
        return {"allowed": True}
    return {"allowed": False, "status": {"code": 403, "message": "the judge: nobody owns nothing"}}


class Judge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        answer = (convert if self.path.startswith("/convert") else validate)(request)
        review = {key: review[key] for key in ("apiVersion", "kind")}
        body = json.dumps({**review, "response": {"uid": request["uid"], **answer}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port, certificate, key = sys.argv[1:]
    server = ThreadingHTTPServer(("", int(port)), Judge)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
