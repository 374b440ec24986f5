// The life of a zone. Content names it in `[zone.NAME]`: `script = "__NAME__"`.
import { Rng, clamp, defId, each } from 'lore';
import type { Decree, Govern, Moment } from 'lore/zone';

export const govern: Govern = (_ctx, moments) => each(moments, begin);

// What who comes in is told, if the content has it.
const WELCOME = defId('announcement/welcome');

// Every third hour it rains, and it is five degrees colder then. Everybody is welcome.
export function begin(moment: Moment): Decree {
  const rain = new Rng(moment.seed).below(3) === 0;
  return {
    id: moment.id,
    weather: rain ? 'rain' : 'clear',
    temperatureDc: clamp(moment.noonTemperatureDc - (rain ? 50 : 0), -1000, 1000),
    spawnPermille: 1000,
    announcement: 0,
    greeting: moment.occasion === 'entered' ? WELCOME : 0,
    memory: moment.memory,
  };
}
