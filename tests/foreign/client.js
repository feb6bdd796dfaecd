// An unmodified FTX client for Node.js trades on our server, REST and WebSocket.
const assert = require("assert");
const zlib = require("zlib");
const { RestClient, WebsocketClient } = require("ftx-api");

const port = process.argv[2];
const rest = new RestClient("trader", "secret", { baseUrl: `http://127.0.0.1:${port}/api` });
const quiet = { silly() {}, debug() {}, notice() {}, info() {}, warning() {}, error: console.error };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const market = "BTC-PERP";

async function until(found) {
  for (let n = 0; n < 1200; n++) {
    const told = await found();
    if (told) return told;
    await pause(50);
  }
  throw new Error(`never: ${found}`);
}

async function refused(work) {
  try {
    await work();
  } catch (error) {
    return JSON.stringify(error.body || error.message);
  }
  throw new Error("was let in");
}

// As the exchange's own pages showed it: the shortest text of each number, whole ones with a point.
const text = (number) => {
  const shown = String(number);
  if (Number.isInteger(number) && !shown.includes("e")) return `${shown}.0`;
  return shown.replace(/e-(\d)$/, "e-0$1");
};

let crcTable;
function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  crcTable = crcTable || Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

class Book {
  constructor() {
    this.bids = new Map();
    this.asks = new Map();
    this.checked = 0;
  }

  take(data) {
    if (data.action === "partial") { this.bids.clear(); this.asks.clear(); }
    for (const side of ["bids", "asks"])
      for (const [price, size] of data[side])
        if (size === 0) this[side].delete(price);
        else this[side].set(price, size);
    const bids = [...this.bids].sort((a, b) => b[0] - a[0]).slice(0, 100);
    const asks = [...this.asks].sort((a, b) => a[0] - b[0]).slice(0, 100);
    const parts = [];
    for (let n = 0; n < 100; n++)
      for (const rows of [bids, asks]) if (n < rows.length) parts.push(text(rows[n][0]), text(rows[n][1]));
    assert.equal(crc32(Buffer.from(parts.join(":"))), data.checksum);
    this.checked++;
  }
}

async function reading() {
  assert((await rest.getMarkets()).result.length >= 10);
  assert.equal((await rest.getMarket("USDT/USD")).result.quoteCurrency, "USD");
  assert.equal((await rest.getOrderbook({ marketName: market, depth: 7 })).result.bids.length, 7);
  assert(Array.isArray((await rest.getTrades({ market_name: market })).result));
  assert((await rest.getHistoricalPrices({ market_name: market, resolution: 60 })).result.length > 0);
  assert((await rest.listAllFutures()).result.some((row) => row.name === "ETH-PERP"));
  assert((await rest.getFutureStats(market)).result.nextFundingTime);
  assert((await rest.getFundingRates({ future: market })).result.length >= 30);
  assert((await rest.getAccount()).result.totalAccountValue > 0);
  assert((await rest.getBalances()).result.some((row) => row.coin === "USDT"));
  assert((await rest.getCoins()).result.length >= 4);
  return (await rest.getFuture(market)).result.mark;
}

async function conditional(mark) {
  const base = { market, side: "sell", size: 0.01 };
  const low = Math.round(mark * 0.9), high = Math.round(mark * 1.1);
  for (const more of [
    { type: "stop", triggerPrice: low, reduceOnly: true },
    { type: "stop", triggerPrice: low, orderPrice: low },
    { type: "takeProfit", triggerPrice: high, reduceOnly: true },
    { type: "trailingStop", trailValue: -100 },
    { side: "buy", type: "trailingStop", trailValue: 100, retryUntilFilled: true },
  ]) await rest.placeTriggerOrder({ ...base, ...more });
  const open = (await rest.getOpenTriggerOrders({ market })).result;
  assert.equal(open.length, 5);
  const stop = open.find((row) => row.type === "stop" && row.reduceOnly);
  const moved = (await rest.modifyTriggerOrder(stop.id, { size: 0.02, triggerPrice: low - 1 })).result;
  assert.equal(moved.triggerPrice, low - 1);
  assert((await refused(() => rest.cancelOpenTriggerOrder(stop.id))).includes("Order already closed"));
  const soon = (await rest.placeTriggerOrder({ ...base, type: "trailingStop", trailValue: -0.5 })).result;
  const fired = await until(async () => (await rest.getTriggerOrderTriggers(soon.id)).result[0]);
  assert.equal(fired.error, null);
  await until(async () => (await rest.getTriggerOrderTriggers(soon.id)).result[0].filledSize === 0.01);
  await rest.cancelAllOrders({ conditionalOrdersOnly: true });
  await until(async () => (await rest.getOpenTriggerOrders({ market })).result.length === 0);
  const past = (await rest.getTriggerOrderHistory({ market })).result;
  assert(past.some((row) => row.id === soon.id && row.status === "triggered" && row.orderId));
}

(async () => {
  const mark = await reading();
  const seen = {};
  const book = new Book();
  const stream = new WebsocketClient(
    { key: "trader", secret: "secret", wsUrl: `ws://127.0.0.1:${port}/ws/` },
    quiet,
  );
  stream.on("update", (frame) => {
    seen[`${frame.channel}:${frame.type}`] = frame.data;
    if (frame.channel === "orderbook" && frame.data) book.take(frame.data);
  });
  stream.subscribe([
    "fills",
    "orders",
    "markets",
    { channel: "orderbook", market },
    { channel: "orderbookGrouped", market, grouping: 50 },
    { channel: "ticker", market: "USDT/USD" },
    { channel: "trades", market },
  ]);
  await until(() => book.checked > 10);
  const order = { market, side: "buy", type: "market", price: null, size: 0.02, clientId: "js-1" };
  const placed = await rest.placeOrder(order);
  assert.equal(placed.result.clientId, "js-1");
  assert((await refused(() => rest.placeOrder(order))).includes("Duplicate client order ID"));
  const names = ["orderbook:partial", "orderbook:update", "orderbookGrouped:partial", "markets:partial",
    "ticker:update", "orders:update", "fills:update", "trades:update"];
  await until(() => names.every((name) => seen[name]));
  for (const [price] of seen["orderbookGrouped:partial"].bids) assert.equal(price % 50, 0);
  const resting = (await rest.placeOrder({
    market, side: "buy", type: "limit", price: Math.round(mark * 0.9), size: 0.01, postOnly: true, clientId: "js-2",
  })).result;
  assert.equal((await rest.getOrderStatusByClientId("js-2")).result.id, resting.id);
  const other = (await rest.modifyOrder({ orderId: resting.id, size: 0.02 })).result;
  assert.notEqual(other.id, resting.id);
  await rest.cancelOrder(other.id);
  await until(async () => (await rest.getOrderStatus(other.id)).result.status === "closed");
  await rest.placeOrder({ market, side: "buy", type: "limit", price: 1000, size: 0.01, ioc: true });
  assert.equal((await rest.getOpenOrders(market)).result.length, 0);
  assert((await rest.getFills({ market })).result.length >= 1);
  assert.equal((await rest.getPositions(true)).result.find((row) => row.future === market).netSize, 0.02);
  await conditional(mark);
  await rest.setAccountLeverage(5);
  await rest.cancelAllOrders();
  const wrong = new RestClient("trader", "wrong", { baseUrl: `http://127.0.0.1:${port}/api` });
  assert((await refused(() => wrong.getAccount())).includes("Invalid signature"));
  // The market runs: an hour is some seconds, and at its end funding is paid.
  await until(async () => (await rest.getFundingPayments({ future: market })).result.length > 0);
  console.log("ok");
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
