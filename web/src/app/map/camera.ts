// From the zone's millimetres to the screen's pixels and back.

import type { Point } from '@loreforge/client';

const ZOOM_LEAST = 5;
const ZOOM_MOST = 36;

export class Camera {
  /** Millimetres. */
  x = 0;
  y = 0;
  /** Pixels per metre. */
  zoom = 18;
  width = 0;
  height = 0;

  /** Pixels of a length. */
  length(millimetres: number): number {
    return (millimetres * this.zoom) / 1000;
  }

  toScreen(at: Point): Point {
    return {
      x: this.width / 2 + this.length(at.x - this.x),
      y: this.height / 2 - this.length(at.y - this.y),
    };
  }

  toZone(pixel: Point): Point {
    return {
      x: Math.round(this.x + ((pixel.x - this.width / 2) * 1000) / this.zoom),
      y: Math.round(this.y - ((pixel.y - this.height / 2) * 1000) / this.zoom),
    };
  }

  zoomBy(factor: number): void {
    this.zoom = Math.min(ZOOM_MOST, Math.max(ZOOM_LEAST, this.zoom * factor));
  }
}
