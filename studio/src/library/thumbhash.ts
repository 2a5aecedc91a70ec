import { thumbHashToAverageRGBA } from 'thumbhash';

/** The average colour, to fill a tile before its picture is there: cheap enough for hundreds of tiles in one frame. */
export function averageColour(thumbhash: string): string | undefined {
  if (thumbhash === '') return undefined;
  const { r, g, b } = thumbHashToAverageRGBA(Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0)));
  return `rgb(${Math.round(r * 255)} ${Math.round(g * 255)} ${Math.round(b * 255)})`;
}
