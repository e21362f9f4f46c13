// Colours one photo in a worker, as the package does: the network looks at a small copy and says colours, which are enlarged along the edges
// of the photo's own lightness (colorize_nb/inference/upsampling.py) and kept within what a screen can show (colorize_nb/gamut.py).
'use strict';
importScripts('ort.wasm.min.js');
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL('./', self.location).href;

const LUMA = [0.212671, 0.71516, 0.072169];  // how much light red, green and blue give
const FROM_XYZ = [[3.079980302, -1.537151516, -0.542821308], [-0.921247752, 1.875990001, 0.04524734], [0.052890461, -0.204041338, 1.151232012]];
const linear = Float32Array.from({ length: 256 }, (_, i) => { const v = i / 255; return v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92; });
const bytes = Uint8Array.from({ length: 65536 }, (_, i) => { const v = i / 65535; return Math.round(255 * (v > 0.0031308 ? 1.055 * v ** (1 / 2.4) - 0.055 : 12.92 * v)); });
const toByte = (v) => bytes[v <= 0 ? 0 : v >= 1 ? 65535 : Math.round(65535 * v)];

// (L* + 16)/116 of a pixel
const lightness = (r, g, b) => {
  const y = LUMA[0] * linear[r] + LUMA[1] * linear[g] + LUMA[2] * linear[b];
  return y > 0.008856 ? Math.cbrt(y) : 7.787 * y + 16 / 116;
};
const toNet = (f) => (116 * f - 66) / 50;  // the same in [-1,1]

// Bicubic resizing of one dimension from `length` (of n) to m: for each of the m, where it begins to read and with which weights
function resizing(n, m, length = n) {
  const scale = length / m, wide = Math.max(scale, 1), taps = Math.ceil(4 * wide) + 1;
  const cubic = (x) => { x = Math.abs(x); return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0; };
  const first = new Int32Array(m), weights = new Float32Array(m * taps);
  for (let i = 0; i < m; i++) {
    const at = (i + 0.5) * scale, from = Math.max(Math.trunc(at - 2 * wide + 0.5), 0), to = Math.min(Math.trunc(at + 2 * wide + 0.5), n);
    let sum = 0;
    for (let j = from; j < to; j++) sum += weights[i * taps + j - from] = cubic((j - at + 0.5) / wide);
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
    first[i] = Math.min(from, Math.max(n - taps, 0));  // taps beyond the end would read what is not there
    if (first[i] < from) weights.copyWithin(i * taps + from - first[i], i * taps, i * taps + to - from), weights.fill(0, i * taps, i * taps + from - first[i]);
  }
  return { first, weights, taps: Math.min(taps, n), step: taps };
}

// Row y of maps (C,h,w) that are enlarged downwards: (C,w)
function row(maps, C, h, w, down, y, out) {
  out.fill(0);
  for (let k = 0; k < down.taps; k++) {
    const weight = down.weights[y * down.step + k], from = (down.first[y] + k) * w;
    if (weight) for (let c = 0; c < C; c++) for (let x = 0, i = c * h * w + from, o = c * w; x < w; x++) out[o + x] += weight * maps[i + x];
  }
}

// The photo at the size at which the network looks at it, as L in [-1,1]
function shrink(px, W, H, w, h) {
  const k = Math.max(1, Math.floor(Math.min(Math.floor(W / w), Math.floor(H / h)) / 2)), bw = Math.ceil(W / k), bh = Math.ceil(H / k);
  const sums = new Float32Array(3 * bw * bh), counts = new Float32Array(bw * bh);
  for (let y = 0, i = 0; y < H; y++) for (let x = 0; x < W; x++, i += 4) {
    const o = Math.floor(y / k) * bw + Math.floor(x / k);
    counts[o]++;
    for (let c = 0; c < 3; c++) sums[c * bw * bh + o] += px[i + c];
  }
  for (let i = 0; i < sums.length; i++) sums[i] = Math.round(sums[i] / counts[i % counts.length]);
  const down = resizing(bh, h, H / k), across = resizing(bw, w, W / k), line = new Float32Array(3 * bw), L = new Float32Array(w * h), rgb = [0, 0, 0];
  for (let y = 0; y < h; y++) {
    row(sums, 3, bh, bw, down, y, line);
    for (let x = 0; x < w; x++) {
      for (let c = 0; c < 3; c++) {
        let v = 0;
        for (let t = 0; t < across.taps; t++) v += across.weights[x * across.step + t] * line[c * bw + across.first[x] + t];
        rgb[c] = Math.round(Math.min(Math.max(v, 0), 255));
      }
      L[y * w + x] = toNet(lightness(...rgb));
    }
  }
  return L;
}

const flipped = (x, w) => { const y = x.slice(); for (let i = 0; i < y.length; i += w) y.subarray(i, i + w).reverse(); return y; };

// The network's ab (2,h,w): the mean of its answers for the picture and for its mirror image
async function ask(session, L, w, h) {
  const both = new Float32Array(2 * L.length);
  both.set(L);
  both.set(flipped(L, w), L.length);
  const given = { L: new ort.Tensor('float32', both, [2, 1, h, w]) };
  if (session.inputNames.includes('hints')) given.hints = new ort.Tensor('float32', new Float32Array(6 * w * h), [2, 3, h, w]);
  const { data } = (await session.run(given)).ab, mirrored = flipped(data.subarray(data.length / 2), w);
  return Float32Array.from(mirrored, (v, i) => (v + data[i]) / 2);
}

// ab, by how much ab changes with L around each place, and L: (5,h,w)
function withSlopes(ab, L, w, h) {
  const n = w * h, maps = new Float32Array(5 * n);
  maps.set(ab);
  maps.set(L, 4 * n);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) for (let c = 0; c < 2; c++) {
    let count = 0, l = 0, a = 0, ll = 0, aa = 0, la = 0;
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, h - 1); v++) for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, w - 1); u++) {
      const p = L[v * w + u], q = ab[c * n + v * w + u];
      count++; l += p; a += q; ll += p * p; aa += q * q; la += p * q;
    }
    l /= count; a /= count;
    const vl = ll / count - l * l, va = aa / count - a * a, cov = la / count - l * a;
    maps[(2 + c) * n + y * w + x] = cov / (Math.max(vl, 0) + 1e-3) * Math.min(cov * cov / Math.max(vl * va, 1e-9), 1);
  }
  return maps;
}

// Linear light of a lightness and `part` of a chroma, into rgb
const DARK = 6 / 29, curve = (t) => t > DARK ? t * t * t : DARK * DARK * (3 * t - 2 * DARK);
function light(f, a, b, part, rgb) {
  const x = curve(f + part * a / 500), y = curve(f), z = curve(f - part * b / 200);
  for (let c = 0; c < 3; c++) rgb[c] = FROM_XYZ[c][0] * x + FROM_XYZ[c][1] * y + FROM_XYZ[c][2] * z;
}
const LOW = -0.5 / 255 / 12.92, HIGH = ((1 + 0.5 / 255 + 0.055) / 1.055) ** 2.4;
const off = (v) => v < LOW || v > HIGH, outside = (rgb) => off(rgb[0]) || off(rgb[1]) || off(rgb[2]);

// Paint the photo in place: its own lightness, with the colour of the maps
function paint(px, W, H, maps, w, h) {
  const down = resizing(h, H), across = resizing(w, W), line = new Float32Array(5 * w), rgb = new Float64Array(3);
  for (let y = 0, i = 0; y < H; y++) {
    row(maps, 5, h, w, down, y, line);
    for (let x = 0; x < W; x++, i += 4) {
      let a = 0, b = 0, slopeA = 0, slopeB = 0, low = 0;
      for (let k = 0, o = across.first[x], i = x * across.step; k < across.taps; k++, o++, i++) {
        const weight = across.weights[i];
        a += weight * line[o];
        b += weight * line[o + w];
        slopeA += weight * line[o + 2 * w];
        slopeB += weight * line[o + 3 * w];
        low += weight * line[o + 4 * w];
      }
      const f = lightness(px[i], px[i + 1], px[i + 2]), detail = toNet(f) - low;
      a = 110 * (a + slopeA * detail);
      b = 110 * (b + slopeB * detail);
      light(f, a, b, 1, rgb);
      if (outside(rgb)) {
        let part = 0;
        for (let k = 1; k <= 8; k++) { light(f, a, b, part + 0.5 ** k, rgb); if (!outside(rgb)) part += 0.5 ** k; }
        light(f, a, b, part, rgb);
      }
      for (let c = 0; c < 3; c++) px[i + c] = toByte(rgb[c]);
    }
  }
}

let session = null;
const load = () => session = session || ort.InferenceSession.create(new URL('colorizer.onnx', self.location).href, { executionProviders: ['wasm'] })
  .catch((e) => { session = null; throw e; });
async function colour(network, px, W, H, size) {
  postMessage({ doing: 'The network is looking …' });
  const [w, h] = [W, H].map((o) => Math.min(Math.round(o * size / Math.min(W, H)), 4 * size)), L = shrink(px, W, H, w, h);
  const maps = withSlopes(await ask(network, L, w, h), L, w, h);
  postMessage({ doing: 'Painting …' });
  paint(px, W, H, maps, w, h);
}

onmessage = async ({ data: { px, W, H, size } }) => {
  try {
    postMessage({ doing: 'Loading the network …' });
    const network = await load();
    if (!px) return await colour(network, new Uint8ClampedArray(4 * 256 * 320).fill(128), 256, 320, 64);  // the browser compiles all of it while nobody waits; the photo comes later
    await colour(network, px, W, H, size);
    postMessage({ px }, [px.buffer]);
  } catch (e) { postMessage({ error: e.message || String(e) }); }
};
