// An unmodified FTX client for Node.js trades on our server, REST and WebSocket.
const assert = require("assert");
const { RestClient, WebsocketClient } = require("ftx-api");

const port = process.argv[2];
const rest = new RestClient("trader", "secret", { baseUrl: `http://127.0.0.1:${port}/api` });
const quiet = { silly() {}, debug() {}, notice() {}, info() {}, warning() {}, error: console.error };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function refused(work) {
  try {
    await work();
  } catch (error) {
    return JSON.stringify(error.body || error.message);
  }
  throw new Error("was let in");
}

(async () => {
  assert((await rest.getMarkets()).result.length >= 10);
  assert.equal((await rest.getMarket("USDT/USD")).result.quoteCurrency, "USD");
  assert((await rest.getFundingRates({ future: "BTC-PERP" })).result.length >= 30);
  const seen = {};
  const stream = new WebsocketClient(
    { key: "trader", secret: "secret", wsUrl: `ws://127.0.0.1:${port}/ws/` },
    quiet,
  );
  stream.on("update", (frame) => (seen[`${frame.channel}:${frame.type}`] = frame.data));
  stream.subscribe([
    "fills",
    "orders",
    { channel: "orderbook", market: "BTC-PERP" },
    { channel: "ticker", market: "USDT/USD" },
    { channel: "trades", market: "BTC-PERP" },
  ]);
  for (let n = 0; n < 100 && !seen["orderbook:partial"]; n++) await pause(50);
  const order = { market: "BTC-PERP", side: "buy", type: "market", price: null, size: 0.02, clientId: "js-1" };
  const placed = await rest.placeOrder(order);
  assert.equal(placed.result.clientId, "js-1");
  assert((await refused(() => rest.placeOrder(order))).includes("Duplicate client order ID"));
  for (let n = 0; n < 100 && !(seen["fills:update"] && seen["trades:update"]); n++) await pause(50);
  for (const name of ["orderbook:partial", "ticker:update", "orders:update", "fills:update", "trades:update"])
    assert(seen[name], name);
  await rest.placeTriggerOrder({
    market: "BTC-PERP", side: "sell", size: 0.02, type: "stop", triggerPrice: 10000, reduceOnly: true,
  });
  assert.equal((await rest.getOpenTriggerOrders()).result.length >= 1, true);
  await rest.cancelAllOrders();
  const wrong = new RestClient("trader", "wrong", { baseUrl: `http://127.0.0.1:${port}/api` });
  assert((await refused(() => wrong.getAccount())).includes("Invalid signature"));
  console.log("ok");
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
