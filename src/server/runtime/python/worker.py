"""Runs one Python function for the server that started this process, one call at a time.

File descriptor 3 is the channel to the server. A frame is two 32-bit lengths, a JSON header and a body:
`load`, then maybe `initialize`, then `invoke` for each call, and one answer to each.
"""

import errno
import importlib
import importlib.util
import json
import os
import resource
import socket
import struct
import sys
import time
import traceback
from datetime import datetime, timezone

LENGTHS = struct.Struct(">II")
LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40}
# The longest output of a logger in bytes; the service splits longer output.
LONGEST_OUTPUT = 90 * 1024
# Limits for errors, which may contain large data: characters, lines, characters.
LONGEST_MESSAGE = 32 * 1024
LONGEST_TRACE = 64
LONGEST_LINE = 1024


class Fault(Exception):
    """The end of a run without a result: the engine's code, and the failure object for the caller."""

    def __init__(self, code, message, kind, trace=None):
        super().__init__(message)
        self.code = code
        self.failure = {"errorMessage": message[:LONGEST_MESSAGE], "errorType": kind}
        if trace is not None:
            self.failure["stackTrace"] = [line[:LONGEST_LINE] for line in trace[-LONGEST_TRACE:]]

    @classmethod
    def of(cls, error, code, what):
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith((__file__, "<frozen"))]
        trace = [line.rstrip("\n") for line in traceback.format_list(own)]
        return cls(code, f"{what}, error: {text_of(error)}", type(error).__name__, trace)


def text_of(error):
    try:
        text = str(error)
    except Exception:  # the function's own exception class may raise here
        return type(error).__name__
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"{text} (a function may have {most} files open)"
    return text


class Channel:
    def __init__(self, descriptor):
        # A copy that is not inherited by programs that the function starts.
        self.socket = socket.socket(fileno=os.dup(descriptor))
        os.close(descriptor)

    def receive(self):
        header, body = LENGTHS.unpack(self.exactly(LENGTHS.size))
        return json.loads(self.exactly(header)), self.exactly(body)

    def send(self, header, body):
        header = json.dumps(header).encode()
        self.socket.sendall(LENGTHS.pack(len(header), len(body)) + header + body)

    def exactly(self, length):
        received = bytearray()
        while len(received) < length:
            part = self.socket.recv(min(length - len(received), 1 << 20))
            if not part:
                os._exit(0)  # the server is gone, or stops this worker
            received += part
        return bytes(received)


class Logger:
    def __init__(self, request_id):
        self.request_id = request_id
        self.level = LEVELS["INFO"]

    def setLevel(self, level):
        self.level = level if isinstance(level, int) else LEVELS.get(str(level).upper(), LEVELS["INFO"])

    def debug(self, message, *arguments):
        self.write("DEBUG", message, arguments)

    def info(self, message, *arguments):
        self.write("INFO", message, arguments)

    def warn(self, message, *arguments):
        self.write("WARN", message, arguments)

    warning = warn

    def error(self, message, *arguments):
        self.write("ERROR", message, arguments)

    def write(self, level, message, arguments):
        if LEVELS[level] < self.level:
            return
        message = str(message) % arguments if arguments else str(message)
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{now} {self.request_id} {level} {message}".encode("utf-8", "backslashreplace")
        for start in range(0, len(line), LONGEST_OUTPUT):
            print(line[start : start + LONGEST_OUTPUT].decode("utf-8", "replace"))


class Context:
    """The function's data about itself and its call. There is no agency here, so credentials are empty."""

    state = None  # state of this instance

    def __init__(self, function, request_id):
        self._function = function
        self._request_id = request_id
        self._logger = Logger(request_id)
        self._deadline = time.monotonic() + function["timeout"]

    def getRequestID(self):
        return self._request_id

    get_trace_id = get_invoke_id = getRequestID

    def getRemainingTimeInMilliSeconds(self):
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def getRunningTimeInSeconds(self):
        return self._function["timeout"]

    def getUserData(self, key, default=None):
        return self._function["user_data"].get(key, default)

    def getFunctionName(self):
        return self._function["name"]

    def getVersion(self):
        return self._function["version"]

    def getAlias(self):
        return self._function["alias"]

    def getPackage(self):
        return self._function["package"]

    def getProjectID(self):
        return self._function["project_id"]

    def getMemorySize(self):
        return self._function["memory"]

    def getCPUNumber(self):
        return self._function["cpu"]

    def getLogger(self):
        return self._logger

    def get_state(self):
        return Context.state

    def set_state(self, state):
        Context.state = state

    def getToken(self):
        return ""

    getAccessKey = getSecretKey = getToken
    getSecurityAccessKey = getSecuritySecretKey = getSecurityToken = getToken
    getWorkflowID = getWorkflowRunID = getWorkflowStateID = getToken


class Worker:
    def __init__(self):
        self.function = None
        self.handler = None
        self.initializer = None

    def load(self, request, _):
        self.function = request
        root = request["root"]
        own = os.path.dirname(__file__)
        sys.path[:] = [root, *(place for place in sys.path if place != own)]
        self.handler = entry(root, request["handler"])
        if request["initializer"]:
            self.initializer = entry(root, request["initializer"])

    def initialize(self, request, _):
        try:
            self.initializer(Context(self.function, request["request_id"]))
        except BaseException as error:
            raise Fault.of(error, 4009, "function initialization exception") from None

    def invoke(self, request, body):
        try:
            result = self.handler(event_of(body), Context(self.function, request["request_id"]))
        except Fault:
            raise
        except BaseException as error:
            raise Fault.of(error, 4002, "function invocation exception") from None
        return serialized(result, self.function["largest"])

    def answer(self, request, body):
        """The header and the body of an answer."""
        try:
            is_json, result = getattr(self, request["do"])(request, body) or (False, b"")
            return {"ok": True, "json": is_json, "peak": peak()}, result
        except Fault as fault:
            return {"ok": False, "code": fault.code, "peak": peak()}, json.dumps(fault.failure).encode()


def largest_size():
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size // 1024 if sys.platform == "darwin" else size


# The system counts the memory of the process that started this one, too.
INHERITED_SIZE = largest_size()


def peak():
    """The peak memory in kB."""
    size = largest_size()
    if size > INHERITED_SIZE:
        return size
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return size


def entry(root, handler):
    """The function that a handler names: `index.handler`, `folder/index.handler`."""
    module_name, _, name = handler.rpartition(".")
    path = f"./{module_name}.py"
    try:
        module = imported(root, module_name)
    except ModuleNotFoundError as error:
        if f"{module_name}.".replace("/", ".").startswith(f"{error.name}."):
            raise Fault(4001, f"not found module '{path}'", "FunctionLoadError") from None
        raise Fault.of(error, 4001, f"cannot load module '{path}'") from None
    except BaseException as error:
        raise Fault.of(error, 4001, f"cannot load module '{path}'") from None
    found = getattr(module, name, None)
    if not callable(found):
        raise Fault(4001, f"handler '{name}' not found in module '{path}'", "FunctionConfigError")
    return found


def imported(root, name):
    """The function's files take precedence over modules of the same name that this program has imported."""
    path = os.path.join(root, f"{name}.py")
    if "/" in name or not os.path.isfile(path):
        return importlib.import_module(name.replace("/", "."))
    if getattr(sys.modules.get(name), "__file__", None) == path:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def event_of(body):
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Fault(4002, f"the event is not JSON that Python reads: {error}", type(error).__name__) from None


def serialized(result, largest):
    """Whether a result is JSON, and its bytes."""
    if result is None:
        return False, b""
    is_json = not isinstance(result, str)
    try:
        body = (json.dumps(result, allow_nan=False) if is_json else result).encode()
    except Exception as error:
        message = f"function result is invalid, error: {text_of(error)}"
        raise Fault(4007, message, type(error).__name__) from None
    if len(body) > largest:
        raise Fault(4004, f"response body size {len(body)} exceeds the limit of {largest}", "ResponseTooLargeError")
    return is_json, body


def main():
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    channel, worker, process = Channel(3), Worker(), os.getpid()
    while True:
        request, body = channel.receive()
        header, result = worker.answer(request, body)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # the function may have closed or replaced it
                pass
        if os.getpid() != process:
            os._exit(0)  # a forked process that returned here; only the original process answers
        channel.send(header, result)


if __name__ == "__main__":  # not if `multiprocessing` imports this file again
    main()
