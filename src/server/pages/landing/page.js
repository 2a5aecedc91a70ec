// The landing page. It uses nothing but the public GraphQL API: mutations over fetch, the subscription over server-sent events.
const $ = (id) => document.getElementById(id);
const EVENTS = `subscription Watch($jobId: ID!, $afterSeq: Int) { jobEvents(jobId: $jobId, afterSeq: $afterSeq) {
  __typename seq
  ... on JobQueued { position }
  ... on JobStarted { tokensTotal executionProvider }
  ... on TokensGenerated { tokensDone tokensTotal tokensPerSecond etaMs }
  ... on FramesDecoded { candidate firstFrame final frames { index width height url dataUrl } }
  ... on AssetReady { asset { __typename id url kind contentType ... on VideoAsset { width height fps frameCount durationMs } ... on ImageAsset { width height } } }
  ... on JobFinished { job { status seed warnings { message } error { code message retryable } } }
} }`;
const START = `model { limits { fps frameCount } } id seed warnings { message }`;
const MUTATIONS = {
  textToVideo: `mutation Make($input: TextToVideoInput!) { made: textToVideo(input: $input) { job { ${START} } userErrors { message } } }`,
  textToImage: `mutation Make($input: TextToImageInput!) { made: textToImage(input: $input) { job { ${START} } userErrors { message } } }`,
};
const LIBRARY = `{ assets(first: 12) { nodes { id kind url title job { input seed } ... on VideoAsset { thumbnailUrl } ... on ImageAsset { thumbnailUrl } } } }`;
const SYSTEM = `{ system { ready device executionProvider } models { name examples tasks } }`;

async function graphql(query, variables) {
  const response = await fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  if (errors?.length) throw new Error(errors[0].message);
  return data;
}

/** Events of a job. A broken connection is taken up again after the last event seen. */
async function* watch(jobId, signal) {
  let afterSeq = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch('/graphql/stream', {
        method: 'POST',
        signal,
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query: EVENTS, variables: { jobId, afterSeq } }),
      });
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      for await (const { data, errors } of results(response.body)) {
        if (errors?.length) throw Object.assign(new Error(errors[0].message), { final: true });
        const event = data.jobEvents;
        if (event.seq <= afterSeq) continue;
        afterSeq = event.seq;
        attempt = 0;
        yield event;
        if (event.__typename === 'JobFinished') return;
      }
    } catch (error) {
      if (signal.aborted || error.final || attempt >= 20) throw error;
    }
    say('The connection was lost. Trying again…');
    await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempt, 4000)));
  }
}

/** The `next` events of a stream. */
async function* results(body) {
  let text = '';
  for await (const chunk of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const line = block.startsWith('event: next') && block.split('\n').find((part) => part.startsWith('data: '));
      if (line) yield JSON.parse(line.slice(6));
    }
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

/** Plays the frames that are there, over and over, while more arrive. */
function createPlayer(canvas, strip, calm) {
  let frames = [];
  let fps = 8;
  let timer = 0;
  let shown = 0;
  const context = canvas.getContext('2d');
  const draw = (frame) => {
    if (canvas.width !== frame.width) [canvas.width, canvas.height] = [frame.width, frame.height];
    context.drawImage(frame.picture, 0, 0);
  };
  const tick = () => {
    const ready = frames.filter(Boolean);
    if (ready.length > 0) draw(calm ? ready.at(-1) : ready[shown++ % ready.length]);
  };
  return {
    start(limits) {
      this.stop();
      frames = [];
      shown = 0;
      fps = limits?.fps ?? fps;
      context.clearRect(0, 0, canvas.width, canvas.height);
      strip.replaceChildren(...Array.from({ length: Math.min(limits?.frameCount ?? 1, 200) }, () => document.createElement('li')));
      timer = setInterval(tick, 1000 / fps);
    },
    async add({ index, width, height, url, dataUrl }, final) {
      const picture = new Image();
      picture.alt = `Frame ${index + 1}`;
      picture.src = dataUrl ?? url;
      await picture.decode();
      frames[index] = { picture, width, height };
      const cell = strip.children[index];
      cell?.classList.toggle('draft', !final);
      cell?.replaceChildren(picture);
    },
    stop: () => clearInterval(timer),
  };
}

const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
const player = createPlayer($('canvas'), $('strip'), calm);
let current = null;

function say(text) {
  $('status').textContent = text;
}

function complain(error) {
  $('problem').textContent = error === null ? '' : error.message;
  $('problem').hidden = error === null;
}

function setBusy(busy) {
  $('make').disabled = busy;
  $('cancel').hidden = !busy;
  $('screen').classList.toggle('busy', busy);
  $('screen').setAttribute('aria-busy', String(busy));
}

function clearStage() {
  complain(null);
  $('hint').hidden = true;
  $('actions').hidden = true;
  $('canvas').hidden = false;
  for (const element of [$('video'), $('image')]) {
    element.hidden = true;
    element.removeAttribute('src');
  }
  $('bar').value = 0;
  $('numbers').textContent = '';
}

function showAsset(asset) {
  const isVideo = asset.kind === 'VIDEO';
  const element = isVideo ? $('video') : $('image');
  // The previews stay until the real thing can be painted.
  element.addEventListener(
    isVideo ? 'loadeddata' : 'load',
    () => {
      element.hidden = false;
      $('canvas').hidden = true;
      player.stop();
    },
    { once: true },
  );
  element.src = asset.url;
  if (!isVideo) element.alt = $('prompt').value;
  if (isVideo && !calm) element.play().catch(() => {});
  $('download').href = `${asset.url}&download=1`;
  $('open').href = asset.url;
  $('facts').textContent = isVideo
    ? `${asset.width} × ${asset.height}, ${asset.frameCount} frames, ${(asset.durationMs / 1000).toFixed(1)} s`
    : `${asset.width} × ${asset.height}`;
  $('actions').hidden = false;
}

const seconds = (ms) => `${Math.max(1, Math.round(ms / 1000))} s left`;

async function show(event) {
  switch (event.__typename) {
    case 'JobQueued':
      return say(event.position > 1 ? `Waiting: ${event.position - 1} before this one.` : 'Waiting for the model…');
    case 'JobStarted':
      return say(`Generating on ${event.executionProvider}…`);
    case 'TokensGenerated':
      $('bar').value = event.tokensDone / event.tokensTotal;
      $('numbers').textContent = [
        `${event.tokensDone} of ${event.tokensTotal} tokens`,
        `${Math.round(event.tokensPerSecond)} per second`,
        ...(event.etaMs === null || event.tokensDone === event.tokensTotal ? [] : [seconds(event.etaMs)]),
      ].join(' · ');
      return;
    case 'FramesDecoded':
      if (event.candidate === 0) await Promise.allSettled(event.frames.map((frame) => player.add(frame, event.final)));
      return;
    case 'AssetReady':
      $('bar').value = 1;
      return showAsset(event.asset);
    case 'JobFinished':
      return finish(event.job);
  }
}

function finish(job) {
  const warnings = job.warnings.map((warning) => warning.message).join(' ');
  if (job.status === 'SUCCEEDED') say(`Done. Seed ${job.seed}. ${warnings}`);
  if (job.status === 'CANCELED') say('Canceled.');
  if (job.status === 'FAILED') {
    say('');
    complain(new Error(`${job.error.message}${job.error.retryable ? ' You can try again.' : ''}`));
  }
}

async function make(form) {
  const task = form.get('task');
  const seed = form.get('seed').trim();
  const input = { prompt: form.get('prompt'), ...(seed === '' ? {} : { seed: Number(seed) }) };
  clearStage();
  setBusy(true);
  say('Sending…');
  const controller = new AbortController();
  try {
    const { made } = await graphql(MUTATIONS[task], { input });
    if (made.userErrors.length > 0) throw new Error(made.userErrors.map((error) => error.message).join(' '));
    current = { id: made.job.id, controller };
    const limits = made.job.model.limits;
    player.start(task === 'textToImage' ? { ...limits, frameCount: 1 } : limits);
    for await (const event of watch(made.job.id, controller.signal)) await show(event);
    await refreshLibrary();
  } catch (error) {
    say('');
    complain(error);
  } finally {
    if ($('actions').hidden) player.stop();
    current = null;
    setBusy(false);
  }
}

async function refreshLibrary() {
  const { assets } = await graphql(LIBRARY);
  $('empty').hidden = assets.nodes.length > 0;
  $('library').replaceChildren(
    ...assets.nodes.map((asset) => {
      const item = document.createElement('li');
      const link = document.createElement('a');
      const picture = document.createElement('img');
      const caption = document.createElement('span');
      const prompt = asset.title ?? asset.job?.input.prompt ?? '';
      link.href = asset.url;
      picture.src = asset.thumbnailUrl;
      picture.alt = '';
      picture.loading = 'lazy';
      caption.textContent = prompt;
      link.append(picture, caption);
      item.append(link);
      return item;
    }),
  );
}

/** Until the model has passed its self-check there is nothing to say about it. */
async function refreshSystem() {
  for (;;) {
    try {
      const { system, models } = await graphql(SYSTEM);
      const [model] = models;
      if (model) {
        $('model').textContent = `${model.name} on ${system.device ?? system.executionProvider}`;
        $('examples').replaceChildren(...model.examples.slice(0, 5).map(exampleButton));
        return;
      }
      $('model').textContent = 'The model is starting…';
    } catch {
      $('model').textContent = 'The server is starting…';
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function exampleButton(prompt) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = prompt;
  button.addEventListener('click', () => {
    $('prompt').value = prompt;
    $('prompt').focus();
  });
  return button;
}

$('form').addEventListener('submit', (submit) => {
  submit.preventDefault();
  void make(new FormData($('form')));
});
$('prompt').addEventListener('keydown', (key) => {
  // Enter generates, Shift+Enter makes a new line; an input method's Enter belongs to it.
  if (key.key !== 'Enter' || key.shiftKey || key.isComposing) return;
  key.preventDefault();
  if (!$('make').disabled) $('form').requestSubmit();
});
$('cancel').addEventListener('click', () => {
  if (current === null) return;
  say('Canceling…');
  graphql('mutation Cancel($input: CancelJobInput!) { cancelJob(input: $input) { userErrors { message } } }', { input: { jobId: current.id } }).catch(complain);
});

void refreshSystem().then(refreshLibrary).catch(complain);
