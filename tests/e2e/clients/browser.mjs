// Chromium, unmodified: a page, fetch, a streamed fetch, an EventSource and WebSockets.
//
// Usage: browser.mjs PLAYWRIGHT CHROMIUM URL VIA
// URL is where the page is; VIA is how the WebSocket's handshake must have come ("1.1" or "2.0").

import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [playwright, chromium, url, via] = process.argv.slice(2);
const { chromium: engine } = createRequire(import.meta.url)(playwright);
const profile = mkdtempSync(join(tmpdir(), "stagegate-browser-"));
const context = await engine.launchPersistentContext(profile, {
  executablePath: chromium,
  headless: true,
  // The certificate is this test's own.
  ignoreHTTPSErrors: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
  ],
});

// Each runs in the page; what it returns must be what is expected.
const steps = {
  fetch: [async () => (await fetch("/")).status, 200],
  stream: [
    async () => {
      const reader = (await fetch("/stream")).body.getReader();
      let text = "";
      for (let read; !(read = await reader.read()).done; ) {
        text += new TextDecoder().decode(read.value);
      }
      // That no piece waits for the next is shown in lockstep elsewhere: a busy browser joins them.
      return [text.split(";").length - 1, text.endsWith("piece-19;")].join();
    },
    "20,true",
  ],
  events: [
    () =>
      new Promise((done) => {
        const seen = [];
        const events = new EventSource("/events");
        events.onmessage = ({ data }) => {
          seen.push(data);
          if (data === "event-19") {
            events.close();
            done(seen.length);
          }
        };
        events.onerror = () => done("failed");
      }),
    20,
  ],
  websocket: [
    () =>
      new Promise((done) => {
        const address = location.href.replace(/^http/, "ws") + "socket";
        const socket = new WebSocket(address, "agent.v1");
        const seen = [];
        socket.binaryType = "arraybuffer";
        socket.onopen = () => {
          socket.send("Grüezi");
          socket.send(new Uint8Array(70_000));
          socket.send("stream");
          socket.send("via");
          socket.send("bye");
        };
        socket.onmessage = ({ data }) => seen.push(data.byteLength ?? data);
        socket.onclose = ({ code, reason }) => {
          const [text, size, ...rest] = seen;
          const handshake = rest.pop()?.split(" ")[0];
          done([socket.protocol, text, size, rest.length, handshake, code, reason].join());
        };
      }),
    `agent.v1,Grüezi,70000,20,${via},4001,as asked`,
  ],
};

try {
  const page = await context.newPage();
  await page.goto(url, { timeout: 100_000 });
  for (const [name, [step, expected]] of Object.entries(steps)) {
    const got = await page.evaluate(step);
    if (got !== expected) {
      throw new Error(`${name}: ${got}, not ${expected}`);
    }
    console.log(`ok ${name}`);
  }
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
