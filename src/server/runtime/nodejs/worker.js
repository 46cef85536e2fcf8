// Runs one Node.js function for the server that started this process, one call at a time.
//
// File descriptor 3 is the channel to the server. A frame is two 32-bit lengths, a JSON header and a body:
// `load`, then optionally `initialize`, then `invoke` for each call. Each gets one answer.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const { performance } = require('perf_hooks');
const util = require('util');

const LEVELS = { DEBUG: 10, INFO: 20, WARN: 30, ERROR: 40 };
// The longest output of a logger in characters; the service splits longer output.
const LONGEST_OUTPUT = 90 * 1024;
// Limits for errors, which may contain large data: characters, lines, characters.
const LONGEST_MESSAGE = 32 * 1024;
const LONGEST_TRACE = 64;
const LONGEST_LINE = 1024;
const FILE_LIMITS = new Map([['EMFILE', ' (the function has as many files open as it may)']]);

/** An end without a result: an engine's code, and the failure object for the caller. */
class Fault extends Error {
  constructor(code, message, kind, trace) {
    super(message);
    this.code = code;
    this.failure = { errorMessage: message.slice(0, LONGEST_MESSAGE), errorType: kind, stackTrace: trace };
  }

  static of(error, code, what) {
    const stack = typeof error?.stack === 'string' ? error.stack.split('\n') : [];
    const trace = stack.filter((line) => line.startsWith('    at ') && !line.includes(__filename));
    const lines = trace.slice(0, LONGEST_TRACE).map((line) => line.trim().slice(0, LONGEST_LINE));
    return new Fault(code, `${what}, error: ${textOf(error)}`, nameOf(error), lines);
  }
}

/** What an error says. Anything can be thrown, and an object of the function's own may fail at being looked at. */
const textOf = (error) => {
  try {
    if (typeof error?.message === 'string') return error.message + (FILE_LIMITS.get(error.code) ?? '');
    return typeof error === 'object' && error !== null ? textOfObject(error) : String(error);
  } catch {
    return 'an error that has no text';
  }
};

/** JSON, if that says as much as the object does. */
function textOfObject(value) {
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (isPlain || typeof value.toJSON === 'function') {
    try {
      return JSON.stringify(value);
    } catch {
      // It contains itself or a BigInt.
    }
  }
  return util.inspect(value, { breakLength: Infinity, compact: true });
}

const nameOf = (error) => {
  try {
    return typeof error?.name === 'string' && error.name !== '' ? error.name : 'Error';
  } catch {
    return 'Error';
  }
};

class Logger {
  constructor(requestId) {
    this.requestId = requestId;
    this.level = LEVELS.INFO;
  }

  setLevel(level) {
    this.level = typeof level === 'number' ? level : (LEVELS[String(level).toUpperCase()] ?? LEVELS.INFO);
  }

  debug(message) { this.write('DEBUG', message); }
  info(message) { this.write('INFO', message); }
  warn(message) { this.write('WARN', message); }
  error(message) { this.write('ERROR', message); }

  write(level, message) {
    if (LEVELS[level] < this.level) return;
    const line = `${new Date().toISOString()} ${this.requestId} ${level} ${message}`;
    for (let start = 0; start < line.length; start += LONGEST_OUTPUT) {
      process.stdout.write(`${line.slice(start, start + LONGEST_OUTPUT)}\n`);
    }
  }
}

/** What a function may ask about itself and its call. There is no agency here, so credentials are empty. */
class Context {
  #function;
  #requestId;
  #logger;
  #deadline;

  constructor(loaded, requestId) {
    this.#function = loaded;
    this.#requestId = requestId;
    this.#logger = new Logger(requestId);
    this.#deadline = performance.now() + loaded.timeout * 1000;
  }

  getRequestID() { return this.#requestId; }
  getRemainingTimeInMilliSeconds() { return Math.max(0, Math.floor(this.#deadline - performance.now())); }
  getRunningTimeInSeconds() { return this.#function.timeout; }
  getUserData(key) { return this.#function.user_data[key]; }
  getFunctionName() { return this.#function.name; }
  getVersion() { return this.#function.version; }
  getAlias() { return this.#function.alias; }
  getPackage() { return this.#function.package; }
  getProjectID() { return this.#function.project_id; }
  getMemorySize() { return this.#function.memory; }
  getCPUNumber() { return this.#function.cpu; }
  getLogger() { return this.#logger; }
  getToken() { return ''; }
  getAccessKey() { return ''; }
  getSecretKey() { return ''; }
  getSecurityAccessKey() { return ''; }
  getSecuritySecretKey() { return ''; }
  getSecurityToken() { return ''; }
  getWorkflowID() { return ''; }
  getWorkflowRunID() { return ''; }
  getWorkflowStateID() { return ''; }
}

const worker = {
  load(request) {
    this.loaded = request;
    this.handler = entry(request.root, request.handler);
    const fewest = request.runtime.startsWith('Node.js6') ? 3 : 2;
    if (this.handler.length < fewest || this.handler.length > 3) {
      const expected = fewest === 3 ? 'event, context and callback' : 'event, context and maybe callback';
      throw misfit(request.handler, this.handler, expected);
    }
    if (!request.initializer) return;
    this.initializer = entry(request.root, request.initializer);
    if (this.initializer.length !== 2) {
      throw misfit(request.initializer, this.initializer, 'context and callback');
    }
  },

  async initialize(request) {
    try {
      await new Promise((resolve, reject) => {
        this.fail = reject;
        const callback = (error) => (error === null || error === undefined ? resolve() : reject(error));
        Promise.resolve(this.initializer(new Context(this.loaded, request.request_id), callback)).catch(reject);
      });
    } catch (error) {
      throw Fault.of(error, 4009, 'function initialization exception');
    }
  },

  async invoke(request, body) {
    const event = eventOf(body);
    const context = new Context(this.loaded, request.request_id);
    let result;
    try {
      result = await this.called(event, context);
    } catch (error) {
      throw error instanceof Fault ? error : Fault.of(error, 4002, 'function invocation exception');
    }
    return serialized(result, this.loaded.largest);
  },

  /** The first end counts: of a promise, of a callback, or an error that nothing caught. */
  called(event, context) {
    return new Promise((resolve, reject) => {
      this.fail = reject;
      const callback = (error, data) => {
        if (error === null || error === undefined) resolve(data);
        else reject(new Fault(4001, `function entry exception, error: ${textOf(error)}`, nameOf(error)));
      };
      const returned = this.handler(event, context, callback);
      if (typeof returned?.then === 'function') returned.then(resolve, reject);
      // A handler that takes a callback and returns no promise calls the callback.
      else if (this.handler.length < 3) resolve(returned);
    });
  },

  /** The header and the body of an answer. */
  async answer(request, body) {
    this.spoiled = false;
    try {
      const { isJson, result } = (await this[request.do](request, body)) ?? { isJson: false, result: '' };
      return [{ ok: true, json: isJson, peak: peak() }, Buffer.from(result)];
    } catch (fault) {
      const header = { ok: false, code: fault.code, spoiled: this.spoiled, peak: peak() };
      return [header, Buffer.from(JSON.stringify(fault.failure))];
    } finally {
      this.fail = undefined;
    }
  },
};

const largestSize = () => process.resourceUsage().maxRSS;

// The system counts the memory of the process that started this one, too.
const inheritedSize = largestSize();

/** The most memory so far, in kB. */
const peak = () => {
  const size = largestSize();
  if (size > inheritedSize) return size;
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]);
  } catch {
    return size;
  }
};

/** The function that a handler names: `index.handler`, `folder/index.handler`. */
function entry(root, handler) {
  const dot = handler.lastIndexOf('.');
  const [file, name] = [handler.slice(0, Math.max(dot, 0)), handler.slice(dot + 1)];
  const shown = `./${file}.js`;
  if (!fs.existsSync(path.join(root, `${file}.js`))) {
    throw new Fault(4001, `not found module '${shown}'`, 'FunctionLoadError');
  }
  let found;
  try {
    found = require(path.join(root, `${file}.js`))[name];
  } catch (error) {
    throw Fault.of(error, 4001, `cannot load module '${shown}'`);
  }
  if (typeof found !== 'function') {
    throw new Fault(4001, `handler '${name}' not found in module '${shown}'`, 'FunctionConfigError');
  }
  return found;
}

function misfit(handler, found, expected) {
  const message = `handler '${handler}' takes ${found.length} parameters, and not ${expected}`;
  return new Fault(4001, message, 'FunctionConfigError');
}

function eventOf(body) {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new Fault(4002, `the event is not JSON that Node.js reads: ${textOf(error)}`, nameOf(error));
  }
}

function serialized(value, largest) {
  const isJson = typeof value === 'object' && value !== null;
  let result;
  try {
    result = isJson ? (JSON.stringify(value) ?? '') : String(value ?? '');
  } catch (error) {
    throw new Fault(4007, `function result is invalid, error: ${textOf(error)}`, nameOf(error));
  }
  const size = Buffer.byteLength(result);
  if (size > largest) {
    throw new Fault(4004, `response body size ${size} exceeds the limit of ${largest}`, 'ResponseTooLargeError');
  }
  return { isJson, result };
}

/** Gives complete frames to `deal`, in order. */
function receive(channel, deal) {
  let parts = [];
  let received = 0;
  let wanted = 8;
  channel.on('data', (part) => {
    parts.push(part);
    received += part.length;
    while (received >= wanted) {
      const all = Buffer.concat(parts);
      const header = all.readUInt32BE(0) + 8;
      const end = header + all.readUInt32BE(4);
      if (received >= end) {
        deal(JSON.parse(all.toString('utf8', 8, header)), all.subarray(header, end));
        parts = [all.subarray(end)];
        received -= end;
        wanted = 8;
      } else {
        parts = [all];
        wanted = end;
      }
    }
  });
}

function send(channel, header, body) {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  channel.write(Buffer.concat([lengths, text, body]));
}

/** An error that nothing caught ends the call that is under way, and this process is not used again. */
function uncaught(error) {
  if (!worker.fail) {
    console.error(error);
    process.exit(1);
  }
  worker.spoiled = true;
  worker.fail(error);
}

const channel = new net.Socket({ fd: 3 });
// The server is gone, or stops this worker.
channel.on('close', () => process.exit(0));
channel.on('error', () => process.exit(0));
process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);
receive(channel, async (request, body) => {
  const [header, result] = await worker.answer(request, body);
  send(channel, header, result);
});
