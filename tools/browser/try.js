// The home page's "Colour a photo of yours": takes a picture, has colour.js colour it, shows both under a slider, and saves it. Loaded when asked.
(() => {
  'use strict';
  const MISSING = '', SIZE = 160, MOST = 50e6;  // what tools/browser.py could not get; short side of what the network sees; pixels of a photo
  const here = new URL('./', document.currentScript.src), box = document.getElementById('try');
  const make = (tag, props = {}, ...inside) => { const o = Object.assign(document.createElement(tag), props); o.append(...inside); return o; };
  const say = (text) => { status.textContent = text; };

  const status = make('p', { className: 'try-status', role: 'status' });
  if (MISSING) return box.replaceChildren(make('p', {}, `This copy of the site cannot colour photos: ${MISSING}.`));
  if (location.protocol === 'file:') return box.replaceChildren(make('p', {}, 'A page that is opened from a folder may not run the network. Serve the folder: ', make('code', {}, 'python -m http.server -d _docs')));

  const input = make('input', { type: 'file', accept: 'image/*' }), drop = make('label', { className: 'try-drop' }, 'Drop a photo here, or choose one: ', input);
  const example = (name, text) => make('button', { type: 'button', className: 'btn btn-secondary', onclick: () => take(`images/${name}_grey.jpg`, name) }, text);
  const examples = make('p', {}, 'Or take one of these: ', example('mother', 'Migrant Mother'), ' ', example('bank', 'The bank'), ' ', example('armstrong', 'Louis Armstrong')), shown = make('div');
  box.replaceChildren(drop, examples, status, shown);
  say('Nothing is uploaded: the photo is coloured on this machine.');

  let worker = null, busy = false, urls = [];
  const start = () => { worker = worker || new Worker(new URL('colour.js', here)); worker.onerror = () => { worker = null; }; return worker; };
  start().postMessage({});  // the network is loaded while the reader chooses a photo
  const coloured = (px, W, H) => new Promise((done, failed) => {
    start().onmessage = ({ data }) => data.doing ? say(data.doing) : data.error ? failed(new Error(data.error)) : done(data.px);
    worker.onerror = (e) => { worker = null; failed(new Error(e.message || 'its files cannot be read')); };
    worker.postMessage({ px, W, H, size: SIZE }, [px.buffer]);
  });
  const url = (blob) => { const o = URL.createObjectURL(blob); urls.push(o); return o; };

  function show(before, after, name) {
    const side = make('div', { className: 'before-after' }), bar = make('input', { type: 'range', value: 50, ariaLabel: 'Grey up to here, coloured from here on' });
    bar.oninput = () => side.style.setProperty('--at', `${bar.value}%`);
    bar.oninput();
    side.append(make('img', { src: before, alt: 'The photo in grey', className: 'try-grey' }), make('img', { src: after, alt: 'The same in colour' }), bar);
    shown.replaceChildren(side, make('p', {}, make('a', { className: 'btn btn-primary try-save', href: after, download: name }, 'Save it')));
  }

  async function colour(file) {
    let bitmap;
    try { bitmap = await createImageBitmap(file); } catch { throw new Error('this browser cannot read it as a picture'); }
    const { width: W, height: H } = bitmap;
    if (W * H > MOST) throw new Error(`it has ${Math.round(W * H / 1e6)} megapixels, and this page is limited to ${MOST / 1e6}; the command colorize takes it`);
    const canvas = make('canvas', { width: W, height: H }), page = canvas.getContext('2d', { willReadFrequently: true });
    page.drawImage(bitmap, 0, 0);
    bitmap.close();
    const image = page.getImageData(0, 0, W, H), start = performance.now();
    page.putImageData(new ImageData(await coloured(image.data, W, H), W, H), 0, 0);
    const png = file.type === 'image/png', blob = await new Promise((done) => canvas.toBlob(done, png ? 'image/png' : 'image/jpeg', 0.97));
    if (!blob) throw new Error('the browser has no memory left for it');
    urls.splice(0).forEach((o) => URL.revokeObjectURL(o));
    show(url(file), url(blob), `${file.name.replace(/\.\w+$/, '')}_colour.${png ? 'png' : 'jpg'}`);
    say(`${W} × ${H} pixels in ${((performance.now() - start) / 1000).toFixed(1)} s. Drag the line; nothing left this machine.`);
  }

  async function take(file, name) {
    if (busy || !file) return;
    busy = input.disabled = true;
    say('Reading the picture …');
    try {
      if (typeof file === 'string') file = new File([await (await fetch(file)).blob()], `${name}.jpg`, { type: 'image/jpeg' });
      await colour(file);
    } catch (e) {
      shown.replaceChildren();
      say(`Cannot colour ${file.name || name}: ${e.message}.`);
    }
    busy = input.disabled = false;
  }
  input.onchange = () => { const [file] = input.files; input.value = ''; take(file); };  // the same file may be chosen again
  for (const o of ['dragover', 'drop']) box.addEventListener(o, (e) => { e.preventDefault(); if (o === 'drop') take(e.dataTransfer.files[0]); });
})();
