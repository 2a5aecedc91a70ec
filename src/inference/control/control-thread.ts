/** The thread of one control video: OpenCV, compiled to WebAssembly, is loaded here and goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import loading from '@techstark/opencv-js';
import { composeControl } from './compose-control.ts';
import type { ControlInput, ControlReport } from './control-video.ts';

function send(report: ControlReport): void {
  parentPort?.postMessage(report, report.type === 'made' ? report.frames.map(({ rgb }) => rgb.buffer as ArrayBuffer) : []);
}

try {
  // The package's types leave out that it is a promise.
  send({ type: 'made', frames: composeControl(await Promise.resolve(loading), workerData as ControlInput) });
} catch (error) {
  send({ type: 'failed', message: (error as Error).message });
}
