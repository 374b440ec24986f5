// The hours of a zone. Content names it in `[zone.NAME]`: `script = "__NAME__"`.
import { Rng, clamp, each } from 'lore';
import type { Decree, Govern, Moment } from 'lore/zone';

export const govern: Govern = (_ctx, moments) => each(moments, begin);

// Every third hour it rains, and it is five degrees colder then.
export function begin(moment: Moment): Decree {
  const rain = new Rng(moment.seed).below(3) === 0;
  return {
    id: moment.id,
    weather: rain ? 'rain' : 'clear',
    temperatureDc: clamp(moment.noonTemperatureDc - (rain ? 50 : 0), -1000, 1000),
    spawnPermille: 1000,
    announcement: 0,
    memory: moment.memory,
  };
}
