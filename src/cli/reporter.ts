import { SingleBar } from 'cli-progress';
import type { JobEvent } from '../client/index.ts';

/** How the progress of a job is shown: a bar on a terminal, a line per event elsewhere. */
export interface Reporter {
  line(text: string): void;
  show(event: JobEvent): void;
  /** A file was written: its path goes to standard output, for scripts. */
  saved(file: string): void;
  stop(): void;
}

export function createReporter(stream: NodeJS.WriteStream): Reporter {
  const bar = stream.isTTY ? createBar(stream) : null;
  let running = false;
  let frames = 0;
  const line = (text: string) => {
    if (running) stream.write('\r\u001b[K');
    stream.write(`${text}\n`);
  };
  return {
    line,
    show(event) {
      switch (event.__typename) {
        case 'JobQueued':
          if (event.position > 1) line(`Waiting: ${event.position - 1} before this one.`);
          return;
        case 'JobStarted':
          if (running) bar?.stop();
          frames = 0;
          line(`Generating on ${event.executionProvider}.`);
          bar?.start(event.tokensTotal, 0, { frames: 0, speed: '-', left: '-' });
          running = bar !== null;
          return;
        case 'TokensGenerated':
          bar?.update(event.tokensDone, { frames, speed: Math.round(event.tokensPerSecond), left: left(event.etaMs) });
          return;
        case 'FramesDecoded':
          if (!event.final) return;
          frames += event.frames.length;
          if (bar === null) line(frames === 1 ? '1 frame' : `${frames} frames`);
          else bar.update({ frames });
          return;
        case 'AudioDecoded':
          if (bar === null) line(`${(event.startMs + event.durationMs) / 1000} s of sound`);
          return;
        case 'TextDecoded':
          return;
        case 'ShotStarted':
          line(`Part ${event.shot + 1} of ${event.shots}: ${event.prompt}`);
          return;
        case 'ShotFailed':
          line(`Part ${event.shot + 1} failed: ${event.message}`);
          return;
        case 'ShotReady':
        case 'AssetReady':
        case 'JobFinished':
          return;
      }
    },
    saved(file) {
      this.stop();
      process.stdout.write(`${file}\n`);
    },
    stop() {
      if (running) bar?.stop();
      running = false;
    },
  };
}

function createBar(stream: NodeJS.WriteStream): SingleBar {
  return new SingleBar({
    stream,
    format: '{bar} {percentage}% | {frames} frames | {value}/{total} tokens | {speed} tokens/s | {left} left',
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    hideCursor: true,
    stopOnComplete: false,
    gracefulExit: false,
  });
}

function left(etaMs: number | null): string {
  return etaMs === null ? '-' : `${Math.ceil(etaMs / 1000)} s`;
}
