/**
 * RGB (8 bits, row-major) to planar YUV 4:2:0, limited range, with the coefficients of BT.709 (Rec. ITU-R BT.709-6, 3.2 to 3.4).
 * By hand because swscale takes BT.601 unless told otherwise in three places; players believe the file's tags, which say BT.709.
 * width and height must be even. Returns `width * height * 3 / 2` bytes: Y, then U, then V. A chroma sample is the mean of its 2x2 pixels.
 */
export function rgbToYuv420(rgb: Uint8Array, width: number, height: number): Buffer {
  const pixels = width * height;
  const out = Buffer.allocUnsafe(pixels + pixels / 2);
  const half = width / 2;
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (const at of [y * width + x, y * width + x + 1, (y + 1) * width + x, (y + 1) * width + x + 1]) {
        const r = rgb[at * 3] as number;
        const g = rgb[at * 3 + 1] as number;
        const b = rgb[at * 3 + 2] as number;
        out[at] = Math.round(16 + (219 / 255) * (0.2126 * r + 0.7152 * g + 0.0722 * b));
        red += r;
        green += g;
        blue += b;
      }
      const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      const chroma = (y / 2) * half + x / 2;
      out[pixels + chroma] = Math.round(128 + ((224 / 255) * (blue - luma)) / 4 / 1.8556);
      out[pixels + pixels / 4 + chroma] = Math.round(128 + ((224 / 255) * (red - luma)) / 4 / 1.5748);
    }
  }
  return out;
}
