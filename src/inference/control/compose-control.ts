/** Depth and optical flow as pictures: operation by operation what training/cinegraph_training/control.py does with the same library. */
import type OpenCV from '@techstark/opencv-js';
import type { RawFrame } from '../core/generation.ts';
import type { ControlInput, ControlParameters } from './control-video.ts';

type Cv = typeof OpenCV;
type Mat = InstanceType<Cv['Mat']>;

/** Frames as they came, and of each pixel how near it is, to control frames of the same size. */
export function composeControl(cv: Cv, { parameters, frames, depth }: ControlInput): RawFrame[] {
  return scoped((own) => {
    const greys = frames.map((frame) => own(greyOf(cv, frame, parameters)));
    return frames.map((frame, index) => {
      // The first frame has the second one's flow.
      const at = Math.min(Math.max(1, index), frames.length - 1);
      return drawn(cv, frame, depth[index] as Uint8Array, [greys[Math.max(0, at - 1)] as Mat, greys[at] as Mat], parameters);
    });
  });
}

/** One control frame. */
function drawn(cv: Cv, { width, height }: RawFrame, depth: Uint8Array, [before, now]: readonly [Mat, Mat], parameters: ControlParameters): RawFrame {
  return scoped((own) => {
    const near = own(blurred(cv, own(bytesOf(cv, depth, width, height, cv.CV_8UC1)), parameters.depthBlur));
    const smooth = own(blurred(cv, own(flowBack(cv, before, now, parameters)), parameters.flowBlur));
    const large = own(new cv.Mat());
    cv.resize(smooth, large, new cv.Size(width, height), 0, 0, cv.INTER_LINEAR);
    // Ahead instead of back, and in px of the frame.
    const gain = (-parameters.flowGain * height) / parameters.side;
    return { width, height, rgb: interleaved(near.data, large.data32F, gain, parameters.flowZero) };
  });
}

/** Grey at `side` x `side` px. */
function greyOf(cv: Cv, { width, height, rgb }: RawFrame, { side }: ControlParameters): Mat {
  return scoped((own) => {
    const grey = own(new cv.Mat());
    cv.cvtColor(own(bytesOf(cv, rgb, width, height, cv.CV_8UC3)), grey, cv.COLOR_RGB2GRAY);
    const small = new cv.Mat();
    cv.resize(grey, small, new cv.Size(side, side), 0, 0, cv.INTER_AREA);
    return small;
  });
}

/** `[side, side, 2]`, px: from a frame to the one before, so that it lies where things are now (DOI 10.1007/3-540-45103-X_50). A single frame stands still. */
function flowBack(cv: Cv, before: Mat, now: Mat, parameters: ControlParameters): Mat {
  const { side, pyramidScale, pyramidLevels, window, iterations, neighbourhood, neighbourhoodSigma } = parameters;
  const flow = cv.Mat.zeros(side, side, cv.CV_32FC2);
  if (before !== now) cv.calcOpticalFlowFarneback(now, before, flow, pyramidScale, pyramidLevels, window, iterations, neighbourhood, neighbourhoodSigma, 0);
  return flow;
}

function blurred(cv: Cv, source: Mat, deviation: number): Mat {
  const result = new cv.Mat();
  cv.GaussianBlur(source, result, new cv.Size(0, 0), deviation, deviation, cv.BORDER_DEFAULT);
  return result;
}

function bytesOf(cv: Cv, bytes: Uint8Array, width: number, height: number, type: number): Mat {
  const mat = new cv.Mat(height, width, type);
  mat.data.set(bytes);
  return mat;
}

function interleaved(near: Uint8Array, flow: Float32Array, gain: number, zero: number): Uint8Array {
  const rgb = new Uint8Array(3 * near.length);
  for (let i = 0; i < near.length; i += 1) {
    rgb[3 * i] = near[i] as number;
    rgb[3 * i + 1] = byte(zero + gain * (flow[2 * i] as number));
    rgb[3 * i + 2] = byte(zero + gain * (flow[2 * i + 1] as number));
  }
  return rgb;
}

function byte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

/** Deletes what the work owned when it is done: the library's memory is not the collector's. */
function scoped<T>(work: (own: (mat: Mat) => Mat) => T): T {
  const owned: Mat[] = [];
  try {
    return work((mat) => {
      owned.push(mat);
      return mat;
    });
  } finally {
    for (const mat of owned) mat.delete();
  }
}
