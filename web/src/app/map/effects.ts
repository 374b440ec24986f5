// What flashes up on the map for a moment: numbers, swings, projectiles, speech.

import type { Point } from '@loreforge/client';
import type { Camera } from './camera.js';

const NUMBER_MS = 1_100;
const SPEECH_MS = 4_500;
/** Effects shown at once; a battle of hundreds must not slow the frame down. */
const MOST = 120;

const ELEMENTS: Record<string, string> = {
  physical: '#ffffff',
  fire: '#ff9d5c',
  frost: '#9fdcff',
  lightning: '#ffe97a',
  poison: '#a6e06a',
  holy: '#fff2b8',
  shadow: '#c79bff',
  arcane: '#e39bff',
};

type Effect = Point & { start: number } & (
    | { kind: 'number'; text: string; colour: string; size: number; drift: number }
    | { kind: 'speech'; text: string }
    | { kind: 'shot'; to: Point; colour: string; lasts: number }
    | { kind: 'arc'; angle: number; colour: string; lasts: number }
  );

export class Effects {
  #effects: Effect[] = [];

  number(at: Point, text: string, colour: string, size = 17): void {
    this.#add({ kind: 'number', ...place(at), text, colour, size, drift: (Math.random() - 0.5) * 26 });
  }

  speech(at: Point, text: string): void {
    this.#add({ kind: 'speech', ...place(at), text: text.length > 60 ? `${text.slice(0, 59)}…` : text });
  }

  /** A blow from one to another: a sweep when they are near, else something that flies. */
  blow(from: Point, to: Point, element: string, lasts: number): void {
    const colour = elementColour(element);
    const away = { x: to.x - from.x, y: to.y - from.y };
    if (Math.hypot(away.x, away.y) > 4_000) this.#add({ kind: 'shot', ...place(from), to: { x: to.x, y: to.y }, colour, lasts });
    else this.#add({ kind: 'arc', ...place(from), angle: Math.atan2(away.y, away.x), colour, lasts });
  }

  draw(context: CanvasRenderingContext2D, camera: Camera, now: number): void {
    this.#effects = this.#effects.filter((effect) => now - effect.start < lasts(effect));
    for (const effect of this.#effects) {
      const part = (now - effect.start) / lasts(effect);
      const at = camera.toScreen(effect);
      if (effect.kind === 'number') {
        context.globalAlpha = 1 - part ** 3;
        context.font = `800 ${effect.size * (1 + 0.35 * Math.max(0, 0.25 - part) * 4)}px system-ui, sans-serif`;
        outlined(context, effect.text, at.x + effect.drift * part, at.y - 34 - part * 42, effect.colour);
      } else if (effect.kind === 'speech') {
        context.globalAlpha = Math.min(1, (1 - part) * 4);
        drawSpeech(context, effect.text, at.x, at.y - 58);
      } else if (effect.kind === 'shot') {
        const to = camera.toScreen(effect.to);
        context.fillStyle = effect.colour;
        context.shadowColor = effect.colour;
        context.shadowBlur = 12;
        context.beginPath();
        context.arc(at.x + (to.x - at.x) * part, at.y + (to.y - at.y) * part, 4, 0, Math.PI * 2);
        context.fill();
        context.shadowBlur = 0;
      } else {
        const turn = -effect.angle - 0.9 + part * 1.8;
        context.globalAlpha = 0.8 * (1 - part);
        context.strokeStyle = effect.colour;
        context.lineWidth = 3;
        context.beginPath();
        context.arc(at.x, at.y, camera.length(1_700), turn - 0.7, turn);
        context.stroke();
      }
      context.globalAlpha = 1;
    }
  }

  clear(): void {
    this.#effects = [];
  }

  #add(effect: Effect): void {
    this.#effects.push(effect);
    if (this.#effects.length > MOST) this.#effects.shift();
  }
}

export function elementColour(element: string): string {
  return ELEMENTS[element] ?? '#ffffff';
}

/** Text that can be read on any ground. */
export function outlined(context: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string): void {
  context.textAlign = 'center';
  context.lineJoin = 'round';
  context.lineWidth = 3;
  context.strokeStyle = 'rgba(8, 10, 14, 0.85)';
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function drawSpeech(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.font = '500 13px system-ui, sans-serif';
  const width = context.measureText(text).width + 18;
  context.fillStyle = 'rgba(240, 236, 226, 0.94)';
  context.beginPath();
  context.roundRect(x - width / 2, y - 17, width, 25, 9);
  context.fill();
  context.textAlign = 'center';
  context.fillStyle = '#1c1d22';
  context.fillText(text, x, y);
}

function place(at: Point): Point & { start: number } {
  return { x: at.x, y: at.y, start: performance.now() };
}

function lasts(effect: Effect): number {
  if (effect.kind === 'number') return NUMBER_MS;
  return effect.kind === 'speech' ? SPEECH_MS : Math.min(1_500, Math.max(120, effect.lasts));
}
