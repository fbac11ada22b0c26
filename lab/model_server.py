#!/usr/bin/env python3
"""Scripted model server on loopback: stands in for a model API when testing real agent CLIs.

Python 3.9+ standard library only, one file. Speaks enough of
  * OpenAI Responses         POST …/responses                    (SSE or plain)   codex, codex-acp
  * OpenAI Chat Completions  POST …/chat/completions             (SSE or plain)   opencode, pi, qwen, mini, kimi, vibe
  * Anthropic Messages       POST …/messages, …/count_tokens     (SSE or plain)   claude, claude-agent-acp
  * Gemini                   POST …/models/M:[stream]generateContent, :countTokens gemini
  * GET …/models, HEAD /
to walk a CLI through a scripted sequence of turns.

  model_server.py --port 0 --port-file P --scripts DIR [--default NAME] [--log L.jsonl] [--dump DIR] [--tied]

--tied: it ends when its standard input does, so that it never outlives whoever started it.

WHICH SCRIPT. In this order:
  1. the base URL:  http://127.0.0.1:PORT/s/NAME/v1   (NAME = a file NAME.json in --scripts; NAME@KEY gives an
     independent counter to each KEY, e.g. one per worker)
  2. a marker in any user message: [[script:NAME]]
  3. --default (else the built-in "hello").

WHICH TURN. "cursor" in the script:
  "history" (default)  index = assistant turns already in the request's own history. Stateless: survives retries,
                       kill -9 + resume, parallel sessions, server restarts.
  "prompt"             index = assistant turns since the last real user prompt (so each prompt starts at turn 0)
  "counter"            index = requests served so far for NAME@KEY (use it where a cancelled turn must not replay)
"prompts": [{"match": REGEX, "turns": [...]}] is tried first against the last user prompt (cursor "prompt").
Side calls (no tools offered: titles, routing, summaries) never consume a turn; they get "side_text", or JSON made
from the schema they ask for.

A TURN is an object; all keys optional:
  text            assistant text            reasoning   thinking text (where the API has it)
  shell           a shell command: mapped to whatever shell tool the CLI offers (Bash, bash, exec_command, ...)
  tool, args      call exactly this tool
  mcp, args       call the offered tool whose name ends in this (every CLI prefixes MCP tools differently). If the CLI
                  hides MCP tools behind a search tool (claude, qwen) the server first emits that search call by itself
                  (it does not count as a turn); "server" (default "lab") is the MCP server's name for that case
  calls           list of {shell|tool|mcp,args} for parallel calls
  usage           {"input":N,"output":N,"cached":N}
  stop            override of the stop reason ("length"/"max_tokens")
  repeat          {"text": "x", "times": N}  append N copies to text (over-long output)
  delay           seconds before the first byte     chunk_delay  seconds between text chunks
  gate            NAME: block until POST /_gate/NAME (deterministic "model is thinking")
  hang            "headers": send headers, then nothing until the client leaves; "silent": not even headers;
                  "mid": first half of the text, then nothing
  drop            true: cut the connection in the middle of the text
  fail            [{"status":429,"times":2,"retry_after":1,"body":{…}}, …]: served before the turn itself, counted
                  per script@key and turn index; "times": -1 = for ever
  malformed       true: send a syntactically broken SSE event
Text beyond the last turn: "exhausted" (default "Done.").
CLIs that finish by a shell sentinel (mini-swe-agent) get that command in place of a text-only turn.

CONTROL: GET /_health  GET /_log  GET /_counts  POST /_reset  POST /_gate/NAME
"""
import argparse, json, os, re, sys, threading, time, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUILTIN = {"hello": {"turns": [{"text": "Hello from the scripted model."}]}}
SHELL_TOOLS = ["Bash", "bash", "exec_command", "shell_command", "shell", "local_shell", "run_shell_command",
               "container.exec", "execute_bash", "Shell", "terminal", "execute_command", "developer__shell"]
LOCK = threading.Lock()
COUNTS, FAILS, GATES, LOG = {}, {}, {}, []
ARGS = None


def now():
    return time.time()


def rid(p):
    return p + uuid.uuid4().hex[:24]


def gate(name):
    with LOCK:
        return GATES.setdefault(name, threading.Event())


def load_script(name):
    base = name.split("@")[0]
    if re.fullmatch(r"[\w.\-]+", base or ""):
        p = os.path.join(ARGS.scripts, base + ".json")
        if os.path.isfile(p):
            with open(p) as f:
                return json.load(f)
    return BUILTIN.get(base)


def text_of(c):
    """Plain text of any API's content value."""
    if c is None:
        return ""
    if isinstance(c, str):
        return c
    if isinstance(c, list):
        return "\n".join(t for t in (text_of(x) for x in c) if t)
    if isinstance(c, dict):
        if isinstance(c.get("text"), str):
            return c["text"]
        return text_of(c.get("content") or c.get("parts"))
    return ""


# ---- request normalisation: -> list of ("user"|"assistant"|"tool"|"system", text), tools, stream, schema ----------
def norm(api, b):
    hist, tools, schema = [], [], None
    if api == "responses":
        for it in (b.get("input") if isinstance(b.get("input"), list) else [{"role": "user", "content": b.get("input")}]):
            t, role = it.get("type", "message"), it.get("role")
            if t == "message" and role == "user":
                hist.append(("user", text_of(it.get("content"))))
            elif t == "message" and role in ("developer", "system"):
                hist.append(("system", text_of(it.get("content"))))
            elif t.endswith("_output"):
                hist.append(("tool", text_of(it.get("output"))))
            else:
                hist.append(("assistant", text_of(it.get("content")), [it["name"]] if it.get("name") else []))

        def walk(ts, ns=None):
            for t in ts or []:
                if t.get("type") == "namespace":
                    walk(t.get("tools"), t.get("name"))
                else:
                    tools.append({"name": t.get("name") or t.get("type"), "ns": ns, "type": t.get("type"),
                                  "schema": t.get("parameters") or {}, "desc": t.get("description") or ""})
        walk(b.get("tools"))
        for it in b.get("input") or []:          # codex can hand out late-bound tools through input items
            if isinstance(it, dict) and isinstance(it.get("tools"), list):
                walk(it["tools"])
        fmt = (b.get("text") or {}).get("format") or {}
        schema = fmt.get("schema") if fmt.get("type") == "json_schema" else None
        system = b.get("instructions") or ""
    elif api == "chat":
        system = ""
        for m in b.get("messages") or []:
            r = m.get("role")
            if r in ("system", "developer"):
                system += text_of(m.get("content"))
                hist.append(("system", text_of(m.get("content"))))
            else:
                hist.append(({"function": "tool"}.get(r, r), text_of(m.get("content")),
                             [(c.get("function") or {}).get("name") for c in m.get("tool_calls") or []]))
        for t in b.get("tools") or []:
            f = t.get("function") or t
            tools.append({"name": f.get("name"), "schema": f.get("parameters") or {}, "type": "function"})
        rf = b.get("response_format") or {}
        schema = (rf.get("json_schema") or {}).get("schema")
    elif api == "messages":
        system = text_of(b.get("system"))
        for m in b.get("messages") or []:
            c = m.get("content")
            has_res = isinstance(c, list) and any(isinstance(x, dict) and x.get("type") == "tool_result" for x in c)
            hist.append(("tool" if has_res else m.get("role"), text_of(c), [x.get("name") for x in c if isinstance(x, dict)
                         and x.get("type") == "tool_use"] if isinstance(c, list) else []))
        for t in b.get("tools") or []:
            tools.append({"name": t.get("name"), "schema": t.get("input_schema") or {}, "type": "function"})
        fmt = ((b.get("output_config") or {}).get("format") or b.get("output_format") or {})
        schema = fmt.get("schema")
    else:  # gemini
        system = text_of(b.get("systemInstruction") or b.get("system_instruction"))
        for m in b.get("contents") or []:
            parts = m.get("parts") or []
            if any("functionResponse" in p for p in parts):
                hist.append(("tool", ""))
            else:
                hist.append(("assistant" if m.get("role") == "model" else "user", text_of(parts),
                             [p["functionCall"].get("name") for p in parts if "functionCall" in p]))
        for t in b.get("tools") or []:
            for f in t.get("functionDeclarations") or []:
                tools.append({"name": f.get("name"), "type": "function",
                              "schema": f.get("parametersJsonSchema") or f.get("parameters") or {}})
        gc = b.get("generationConfig") or {}
        schema = gc.get("responseJsonSchema") or gc.get("responseSchema")
    return hist, tools, schema, system


SEARCH_TOOLS = ("ToolSearch", "tool_search")     # CLIs that hide MCP tools behind a search (claude, qwen)


def groups(hist):
    """Number of assistant turns; turns made only of tool-search calls (inserted by this server) do not count."""
    n, prev, calls = 0, None, []
    for e in hist + [("end", "")]:
        r = e[0]
        if r == "system":
            continue
        if r == "assistant":
            if prev != "assistant":
                calls = []
            calls += list(e[2]) if len(e) > 2 else []
        elif prev == "assistant" and not (calls and all(c in SEARCH_TOOLS for c in calls)):
            n += 1
        prev = r
    return n


def searched(hist, name):
    """True if the current turn already asked the search tool."""
    last = [e for e in hist if e[0] == "assistant"][-1:]
    return bool(last and len(last[0]) > 2 and any(c in SEARCH_TOOLS for c in last[0][2]))


def fill(schema):
    """Smallest value that a JSON schema accepts (for routing / title side calls)."""
    if not isinstance(schema, dict):
        return "scripted"
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return "user" if "user" in schema["enum"] else schema["enum"][0]
    for k in ("anyOf", "oneOf", "allOf"):
        if schema.get(k):
            return fill(schema[k][0])
    t = schema.get("type")
    t = (t[0] if isinstance(t, list) else t or "object").lower()
    if t == "object":
        pr = schema.get("properties") or {}
        return {k: fill(pr[k]) for k in (schema.get("required") or list(pr)) if k in pr}
    return {"string": "scripted", "boolean": False, "number": 1, "integer": 1, "array": [], "null": None}.get(t, "scripted")


def complete_args(tool, args):
    sc = tool.get("schema") or {}
    pr = sc.get("properties") or {}
    out = dict(args)
    for k in sc.get("required") or []:
        if k not in out:
            out[k] = fill(pr.get(k) or {"type": "string"})
    return out


def shell_call(tools, cmd):
    by = {t["name"]: t for t in tools}
    for n in SHELL_TOOLS:
        t = by.get(n)
        if not t:
            continue
        pr = (t.get("schema") or {}).get("properties") or {}
        key = next((k for k in ("command", "cmd", "script", "input") if k in pr), "command")
        typ = (pr.get(key) or {}).get("type")
        typ = typ[0] if isinstance(typ, list) else typ
        val = ["bash", "-lc", cmd] if str(typ).lower() == "array" else cmd
        return {"tool": t, "args": complete_args(t, {key: val})}
    if "exec" in by and by["exec"]["type"] == "custom":      # codex code mode: JavaScript
        return {"tool": by["exec"], "args": None,
                "input": "const r = await tools.exec_command({cmd: %s}); text(r);" % json.dumps(cmd)}
    return None


def resolve(calls, tools):
    out, missing = [], []
    for c in calls:
        if "shell" in c:
            r = shell_call(tools, c["shell"])
        elif "mcp" in c:
            cand = [t for t in tools if (t["name"] or "").endswith(c["mcp"])]
            r = {"tool": cand[0], "args": complete_args(cand[0], c.get("args") or {})} if cand else None
            if r is None:
                ex = [t for t in tools if t["name"] == "exec" and t["type"] == "custom"]
                m = re.search(r"\b(mcp__\w*%s)\b" % re.escape(c["mcp"]), ex[0]["desc"]) if ex else None
                if m:
                    r = {"tool": ex[0], "args": None, "input": "const r = await tools.%s(%s); text(r);"
                         % (m.group(1), json.dumps(c.get("args") or {}))}
        else:
            cand = [t for t in tools if t["name"] == c["tool"]]
            t = cand[0] if cand else {"name": c["tool"], "type": "function", "schema": {}}
            r = {"tool": t, "args": complete_args(t, c.get("args") or {})}
        (out.append(r) if r else missing.append(c))
    return out, missing


def chunks(s, n=12):
    parts = re.findall(r"\S+\s*|\s+", s)
    if len(parts) > 200:                       # over-long output: few, fat chunks
        size = max(1, len(s) // 200)
        return [s[i:i + size] for i in range(0, len(s), size)]
    return parts


class Gone(Exception):
    pass


class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "scripted-model/1"

    def log_message(self, *a):
        pass

    # ---- plumbing
    def j(self, code, obj, headers=()):
        d = json.dumps(obj).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(d)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(d)

    def sse_open(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def raw(self, s):
        d = s.encode()
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(d), d))
            self.wfile.flush()
        except OSError:
            raise Gone()

    def ev(self, data, event=None):
        self.raw((("event: %s\n" % event) if event else "") + "data: " + (data if isinstance(data, str) else json.dumps(data)) + "\n\n")

    def sse_close(self):
        try:
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except OSError:
            raise Gone()

    def client_left(self):
        import select
        r, _, _ = select.select([self.connection], [], [], 0)
        if r:
            try:
                return self.connection.recv(1, 2) == b""      # MSG_PEEK
            except OSError:
                return True
        return False

    def wait_gone(self, limit=3600):
        t = now()
        while now() - t < limit:
            if self.client_left():
                raise Gone()
            time.sleep(0.1)
        raise Gone()

    def nap(self, s):
        t = now()
        while now() - t < s:
            if self.client_left():
                raise Gone()
            time.sleep(min(0.1, max(0.0, s - (now() - t))))

    def do_HEAD(self):
        self.j(200, {})

    def do_GET(self):
        p = self.path.split("?")[0]
        if p == "/_health":
            return self.j(200, {"ok": True, "pid": os.getpid()})
        if p == "/_log":
            return self.j(200, LOG)
        if p == "/_counts":
            return self.j(200, COUNTS)
        if p.rstrip("/").endswith("/models"):
            ids = ["scripted", "gpt-5.1-codex", "claude-sonnet-4-5", "gemini-2.5-pro"]
            return self.j(200, {"object": "list", "has_more": False, "first_id": ids[0], "last_id": ids[-1],
                                "data": [{"id": i, "object": "model", "type": "model", "display_name": i, "created": 1,
                                          "created_at": "2025-01-01T00:00:00Z", "owned_by": "scripted",
                                          "context_length": 200000} for i in ids]})
        self.note({"api": "GET", "path": self.path, "status": 404})
        self.j(404, {"error": {"message": "not served: " + p, "type": "not_found_error"}})

    def note(self, d):
        d = dict(t=round(now(), 3), **d)
        with LOCK:
            LOG.append(d)
            if ARGS.log:
                with open(ARGS.log, "a") as f:
                    f.write(json.dumps(d) + "\n")

    def do_POST(self):
        try:
            self.post()
        except (Gone, BrokenPipeError, ConnectionResetError):
            self.note({"api": "gone", "path": self.path})
            self.close_connection = True

    def body(self):
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            out = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                if n == 0:
                    self.rfile.readline()
                    break
                out += self.rfile.read(n)
                self.rfile.readline()
        else:
            out = self.rfile.read(int(self.headers.get("content-length") or 0))
        enc = (self.headers.get("content-encoding") or "").lower()
        if enc == "gzip":
            import gzip
            out = gzip.decompress(out)
        elif enc == "deflate":
            import zlib
            out = zlib.decompress(out)
        return out

    # ---- the work
    def post(self):
        raw = self.body()
        path = self.path.split("?")[0]
        if path == "/_reset":
            with LOCK:
                COUNTS.clear(); FAILS.clear(); LOG.clear(); GATES.clear()
            return self.j(200, {"ok": True})
        if path.startswith("/_gate/"):
            gate(path[7:]).set()
            return self.j(200, {"ok": True})
        m = re.match(r"/s/([^/]+)(/.*)", path)
        name, path = (m.group(1), m.group(2)) if m else (None, path)
        try:
            b = json.loads(raw or b"{}")
        except ValueError:
            return self.j(400, {"error": {"message": "body is not JSON (%s)" % self.headers.get("content-encoding")}})
        if path.endswith("/responses"):
            api, stream = "responses", bool(b.get("stream"))
        elif path.endswith("/chat/completions"):
            api, stream = "chat", bool(b.get("stream"))
        elif path.endswith("/count_tokens"):
            return self.j(200, {"input_tokens": max(1, len(raw) // 4)})
        elif path.endswith("/messages"):
            api, stream = "messages", bool(b.get("stream"))
        elif path.endswith(":countTokens"):
            return self.j(200, {"totalTokens": max(1, len(raw) // 4)})
        elif path.endswith(":generateContent") or path.endswith(":streamGenerateContent"):
            api, stream = "gemini", path.endswith(":streamGenerateContent")
        else:
            self.note({"api": "POST", "path": self.path, "status": 404})
            return self.j(404, {"error": {"message": "not served: " + path, "type": "not_found_error"}})
        hist, tools, schema, system = norm(api, b)
        users = [e[1] for e in hist if e[0] == "user"]
        if name is None:
            mk = [x for t in users for x in re.findall(r"\[\[script:([\w.@\-]+)\]\]", t)]
            name = mk[-1] if mk else ARGS.default
        sc = load_script(name)
        if sc is None:
            self.note({"api": api, "script": name, "status": 404})
            return self.j(404, {"error": {"message": "no script " + name, "type": "not_found_error"}})
        model = b.get("model") or (path.split("/models/")[-1].split(":")[0] if api == "gemini" else "scripted")
        entry = {"api": api, "script": name, "path": path, "model": model, "stream": stream, "ntools": len(tools),
                 "tools": [((t.get("ns") + "/") if t.get("ns") else "") + str(t["name"]) for t in tools],
                 "ua": self.headers.get("user-agent"), "hist": "".join(e[0][0] for e in hist),
                 "last_user": (users[-1] if users else "")[-300:], "users": [u[:60000] for u in users], "bytes": len(raw),
                 "last_tool": ([e[1] for e in hist if e[0] == "tool"] or [""])[-1][-300:],
                 "ids": {k: v for k, v in self.headers.items() if re.search(r"session|thread|conversation|request-id|turn", k, re.I)}}
        if ARGS.dump:
            os.makedirs(ARGS.dump, exist_ok=True)
            fn = "%s-%s-%s.json" % (("%.3f" % now()).replace(".", "_"), api, name)
            hd = {k: ("***" if re.search(r"auth|key|cookie", k, re.I) else v) for k, v in self.headers.items()}
            with open(os.path.join(ARGS.dump, fn), "w") as f:
                json.dump({"path": self.path, "headers": hd, "body": b}, f, indent=1)
        key_idx = None
        if not tools and not sc.get("side_is_turn"):
            turn = {"text": json.dumps(fill(schema)) if schema else sc.get("side_text", "Scripted title")}
            entry["side"] = True
        else:
            turns, cursor = sc.get("turns") or [], sc.get("cursor", "history")
            # the last real prompt: ignore pure environment/context messages
            real = [t for t in users if t.strip() and not re.match(
                r"\s*<(environment_context|user_instructions|system-reminder|session_context|INSTRUCTIONS)\b[\s\S]*</\1>\s*$", t)]
            for i, rule in enumerate(sc.get("prompts") or []):
                if real and re.search(rule["match"], real[-1]):
                    turns, cursor, name = rule["turns"], "prompt", "%s#%d" % (name, i)
                    break
            if cursor == "counter":
                with LOCK:
                    idx = COUNTS.get(name, 0)
            elif cursor == "prompt":
                last = max([k for k, e in enumerate(hist) if e[0] == "user" and real and e[1] == real[-1]] or [0])
                idx = groups(hist[last:])
            else:
                idx = groups(hist)
            key_idx = idx
            turn = turns[idx] if idx < len(turns) else {"text": sc.get("exhausted", "Done.")}
            entry["turn"] = idx
            k, n = (name, idx), 0
            with LOCK:
                FAILS[k] = FAILS.get(k, 0) + 1
                n = FAILS[k]
            for f in turn.get("fail") or []:
                t = f.get("times", 1)
                if t < 0 or n <= t:
                    entry["status"] = f["status"]
                    self.note(entry)
                    hd = [("retry-after", str(f["retry_after"]))] if "retry_after" in f else []
                    return self.j(f["status"], f.get("body") or self.err(api, f["status"]), hd)
                n -= t
            with LOCK:
                COUNTS[name] = COUNTS.get(name, 0) + 1
        calls = list(turn.get("calls") or [])
        if "shell" in turn:
            calls.append({"shell": turn["shell"]})
        if "tool" in turn:
            calls.append({"tool": turn["tool"], "args": turn.get("args")})
        if "mcp" in turn:
            calls.append({"mcp": turn["mcp"], "args": turn.get("args"), "server": turn.get("server", "lab")})
        text = turn.get("text", "")
        if turn.get("repeat"):
            text += turn["repeat"]["text"] * int(turn["repeat"]["times"])
        done = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
        if tools and not calls and any(done in t for t in [e[1] for e in hist]):
            calls.append({"shell": "echo " + done})
        rc, missing = resolve(calls, tools)
        srch = [t for t in tools if t["name"] in SEARCH_TOOLS]
        mm = [c for c in missing if "mcp" in c]
        if mm and srch:
            m = re.findall(r"\b(mcp__[A-Za-z0-9_-]*?%s)\b" % re.escape(mm[0]["mcp"]), raw.decode("utf-8", "replace"))
            full = m[-1] if m else "mcp__%s__%s" % (mm[0].get("server", "lab"), mm[0]["mcp"])
            if not searched(hist, full):          # first look the tool up (does not consume the turn)
                rc, missing = [{"tool": srch[0], "args": {"query": "select:" + full}}], []
                entry["search"] = full
            else:                                 # then call it: through tool_call (qwen) or directly (claude)
                via = [t for t in tools if t["name"] == "tool_call"]
                c = {"tool": via[0], "args": {"name": full, "arguments": mm[0].get("args") or {}}} if via else \
                    {"tool": {"name": full, "type": "function", "schema": {}}, "args": mm[0].get("args") or {}}
                rc, missing = rc + [c], [x for x in missing if x is not mm[0]]
        if missing:
            entry["missing"] = missing
            text += "\n[scripted model: no offered tool for %s]" % json.dumps(missing)
        entry["calls"] = [c["tool"]["name"] for c in rc]
        entry["status"] = 200
        self.note(entry)
        if turn.get("gate"):
            g, t0 = gate(turn["gate"]), now()
            while not g.wait(0.1):
                if self.client_left() or now() - t0 > 3600:
                    raise Gone()
        if turn.get("delay"):
            self.nap(turn["delay"])
        if turn.get("hang") == "silent":
            self.wait_gone()
        u = turn.get("usage") or {}
        usage = (u.get("input", max(1, len(raw) // 4)), u.get("output", max(1, (len(text) + 40 * len(rc)) // 4)), u.get("cached", 0))
        self.turn, self.text, self.calls, self.usage, self.model = turn, text, rc, usage, model
        if stream:
            self.sse_open()
            if turn.get("hang") in ("headers", True):
                self.wait_gone()
            if turn.get("malformed"):
                self.raw("data: {\"type\": \"oops\n\n")
            getattr(self, "s_" + api)()
            self.sse_close()
        else:
            if turn.get("hang"):
                self.wait_gone()
            self.j(200, getattr(self, "p_" + api)())

    def err(self, api, st):
        msg = {429: "Rate limit reached (scripted)", 500: "Server error (scripted)", 529: "Overloaded (scripted)",
               401: "Invalid key (scripted)", 402: "Out of credit (scripted)"}.get(st, "Scripted error")
        if api == "messages":
            return {"type": "error", "error": {"type": {429: "rate_limit_error", 401: "authentication_error", 529: "overloaded_error"}.get(st, "api_error"), "message": msg}}
        if api == "gemini":
            return {"error": {"code": st, "message": msg, "status": {429: "RESOURCE_EXHAUSTED"}.get(st, "INTERNAL")}}
        return {"error": {"message": msg, "type": {429: "rate_limit_exceeded"}.get(st, "server_error"), "code": {429: "rate_limit_exceeded"}.get(st)}}

    def text_chunks(self):
        cs = chunks(self.text)
        for i, c in enumerate(cs):
            if i == max(1, len(cs) // 2) or (len(cs) == 1 and i == 0):
                if self.turn.get("hang") == "mid":
                    self.wait_gone()
                if self.turn.get("drop"):
                    self.connection.close()
                    raise Gone()
            if i and self.turn.get("chunk_delay"):
                self.nap(self.turn["chunk_delay"])
            yield c

    # ---- OpenAI Responses
    def r_usage(self):
        i, o, c = self.usage
        return {"input_tokens": i, "input_tokens_details": {"cached_tokens": c}, "output_tokens": o,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": i + o}

    def r_items(self):
        out = []
        if self.turn.get("reasoning"):
            out.append({"type": "reasoning", "id": rid("rs_"), "summary": [{"type": "summary_text", "text": self.turn["reasoning"]}], "content": [], "encrypted_content": None})
        if self.text:
            out.append({"type": "message", "id": rid("msg_"), "role": "assistant", "status": "completed",
                        "content": [{"type": "output_text", "text": self.text, "annotations": []}]})
        for c in self.calls:
            t = c["tool"]
            if t["type"] == "custom":
                out.append({"type": "custom_tool_call", "id": rid("ctc_"), "call_id": rid("call_"), "name": t["name"], "input": c.get("input") or json.dumps(c["args"]), "status": "completed"})
            elif t["type"] == "local_shell":
                out.append({"type": "local_shell_call", "id": rid("lsh_"), "call_id": rid("call_"), "status": "completed",
                            "action": {"type": "exec", "command": ["bash", "-lc", c["args"]["command"]], "env": {}}})
            else:
                d = {"type": "function_call", "id": rid("fc_"), "call_id": rid("call_"), "name": t["name"], "arguments": json.dumps(c["args"]), "status": "completed"}
                if t.get("ns"):
                    d["namespace"] = t["ns"]
                out.append(d)
        return out

    def p_responses(self):
        return {"id": rid("resp_"), "object": "response", "created_at": int(now()), "status": "completed", "model": self.model,
                "output": self.r_items(), "usage": self.r_usage(), "parallel_tool_calls": True, "error": None}

    def s_responses(self):
        seq = [0]

        def ev(typ, **k):
            seq[0] += 1
            self.ev(dict(type=typ, sequence_number=seq[0], **k), typ)
        r = {"id": rid("resp_"), "object": "response", "created_at": int(now()), "status": "in_progress", "model": self.model, "output": [], "usage": None, "error": None}
        ev("response.created", response=r)
        ev("response.in_progress", response=r)
        items = self.r_items()
        for n, it in enumerate(items):
            if it["type"] == "message":
                ev("response.output_item.added", output_index=n, item=dict(it, status="in_progress", content=[]))
                ev("response.content_part.added", item_id=it["id"], output_index=n, content_index=0, part={"type": "output_text", "text": "", "annotations": []})
                for c in self.text_chunks():
                    ev("response.output_text.delta", item_id=it["id"], output_index=n, content_index=0, delta=c)
                ev("response.output_text.done", item_id=it["id"], output_index=n, content_index=0, text=self.text)
                ev("response.content_part.done", item_id=it["id"], output_index=n, content_index=0, part=it["content"][0])
            else:
                ev("response.output_item.added", output_index=n, item=it)
                if it["type"] == "function_call":
                    ev("response.function_call_arguments.delta", item_id=it["id"], output_index=n, delta=it["arguments"])
                    ev("response.function_call_arguments.done", item_id=it["id"], output_index=n, arguments=it["arguments"])
            ev("response.output_item.done", output_index=n, item=it)
        if self.turn.get("stop") in ("length", "max_tokens"):
            ev("response.incomplete", response=dict(r, status="incomplete", output=items, usage=self.r_usage(), incomplete_details={"reason": "max_output_tokens"}))
        else:
            ev("response.completed", response=dict(r, status="completed", output=items, usage=self.r_usage()))

    # ---- Chat Completions
    def c_usage(self):
        i, o, c = self.usage
        return {"prompt_tokens": i, "completion_tokens": o, "total_tokens": i + o, "prompt_tokens_details": {"cached_tokens": c}}

    def c_calls(self):
        return [{"index": n, "id": rid("call_"), "type": "function", "function": {"name": c["tool"]["name"], "arguments": json.dumps(c["args"])}} for n, c in enumerate(self.calls)]

    def c_stop(self):
        return {"max_tokens": "length"}.get(self.turn.get("stop"), self.turn.get("stop")) or ("tool_calls" if self.calls else "stop")

    def p_chat(self):
        m = {"role": "assistant", "content": self.text or None}
        if self.calls:
            m["tool_calls"] = [{k: v for k, v in c.items() if k != "index"} for c in self.c_calls()]
        return {"id": rid("chatcmpl-"), "object": "chat.completion", "created": int(now()), "model": self.model,
                "choices": [{"index": 0, "message": m, "finish_reason": self.c_stop()}], "usage": self.c_usage()}

    def s_chat(self):
        base = {"id": rid("chatcmpl-"), "object": "chat.completion.chunk", "created": int(now()), "model": self.model}

        def d(delta, fin=None):
            self.ev(dict(base, choices=[{"index": 0, "delta": delta, "finish_reason": fin}]))
        d({"role": "assistant", "content": ""})
        if self.turn.get("reasoning"):
            d({"reasoning_content": self.turn["reasoning"]})
        for c in self.text_chunks():
            d({"content": c})
        for c in self.c_calls():
            d({"tool_calls": [c]})
        d({}, self.c_stop())
        self.ev(dict(base, choices=[], usage=self.c_usage()))
        self.ev("[DONE]")

    # ---- Anthropic Messages
    def a_usage(self):
        i, o, c = self.usage
        return {"input_tokens": i, "output_tokens": o, "cache_read_input_tokens": c, "cache_creation_input_tokens": 0}

    def a_blocks(self):
        out = []
        if self.turn.get("reasoning"):
            out.append({"type": "thinking", "thinking": self.turn["reasoning"], "signature": "c2NyaXB0ZWQ="})
        if self.text:
            out.append({"type": "text", "text": self.text})
        return out + [{"type": "tool_use", "id": rid("toolu_"), "name": c["tool"]["name"], "input": c["args"]} for c in self.calls]

    def a_stop(self):
        return {"length": "max_tokens"}.get(self.turn.get("stop"), self.turn.get("stop")) or ("tool_use" if self.calls else "end_turn")

    def p_messages(self):
        return {"id": rid("msg_"), "type": "message", "role": "assistant", "model": self.model, "content": self.a_blocks(),
                "stop_reason": self.a_stop(), "stop_sequence": None, "usage": self.a_usage()}

    def s_messages(self):
        def ev(typ, **k):
            self.ev(dict(type=typ, **k), typ)
        ev("message_start", message={"id": rid("msg_"), "type": "message", "role": "assistant", "model": self.model, "content": [],
                                     "stop_reason": None, "stop_sequence": None, "usage": dict(self.a_usage(), output_tokens=1)})
        ev("ping")
        for n, bl in enumerate(self.a_blocks()):
            if bl["type"] == "text":
                ev("content_block_start", index=n, content_block={"type": "text", "text": ""})
                for c in self.text_chunks():
                    ev("content_block_delta", index=n, delta={"type": "text_delta", "text": c})
            elif bl["type"] == "thinking":
                ev("content_block_start", index=n, content_block={"type": "thinking", "thinking": "", "signature": ""})
                ev("content_block_delta", index=n, delta={"type": "thinking_delta", "thinking": bl["thinking"]})
                ev("content_block_delta", index=n, delta={"type": "signature_delta", "signature": bl["signature"]})
            else:
                ev("content_block_start", index=n, content_block=dict(bl, input={}))
                ev("content_block_delta", index=n, delta={"type": "input_json_delta", "partial_json": json.dumps(bl["input"])})
            ev("content_block_stop", index=n)
        ev("message_delta", delta={"stop_reason": self.a_stop(), "stop_sequence": None}, usage=self.a_usage())
        ev("message_stop")

    # ---- Gemini
    def g_chunk(self, parts, fin=None):
        i, o, c = self.usage
        cand = {"content": {"role": "model", "parts": parts}, "index": 0}
        if fin:
            cand["finishReason"] = fin
        return {"candidates": [cand], "modelVersion": self.model, "responseId": self.gid,
                "usageMetadata": {"promptTokenCount": i, "candidatesTokenCount": o, "totalTokenCount": i + o, "cachedContentTokenCount": c}}

    def g_fin(self):
        return "MAX_TOKENS" if self.turn.get("stop") in ("length", "max_tokens") else "STOP"

    def g_calls(self):
        return [{"functionCall": {"id": rid("call_"), "name": c["tool"]["name"], "args": c["args"]}} for c in self.calls]

    def p_gemini(self):
        self.gid = rid("")
        ps = ([{"text": self.text}] if self.text else []) + self.g_calls()
        return self.g_chunk(ps, self.g_fin())

    def s_gemini(self):
        self.gid = rid("")
        if self.turn.get("reasoning"):
            self.ev(self.g_chunk([{"text": self.turn["reasoning"], "thought": True}]))
        for c in self.text_chunks():
            self.ev(self.g_chunk([{"text": c}]))
        if self.calls:
            self.ev(self.g_chunk(self.g_calls()))
        self.ev(self.g_chunk([{"text": ""}], self.g_fin()))


def main():
    global ARGS
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--port-file")
    p.add_argument("--scripts", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts"))
    p.add_argument("--default", default="hello")
    p.add_argument("--log")
    p.add_argument("--dump", help="write every request body (keys blanked) here")
    p.add_argument("--tied", action="store_true", help="end when standard input ends")
    ARGS = p.parse_args()
    s = ThreadingHTTPServer(("127.0.0.1", ARGS.port), H)
    s.daemon_threads = True
    if ARGS.port_file:
        with open(ARGS.port_file + ".tmp", "w") as f:
            f.write(str(s.server_port))
        os.rename(ARGS.port_file + ".tmp", ARGS.port_file)
    if ARGS.tied:
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    print("listening on 127.0.0.1:%d" % s.server_port, flush=True)
    try:
        s.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
