// What may be done, what it costs and what it sets in motion.
#include "lore_sdk.h"

typedef exports_ability_cast_t cast_t;
typedef exports_ability_plan_t plan_t;
typedef exports_ability_pulse_t pulse_t;
typedef exports_ability_pulse_outcome_t pulse_outcome_t;

static exports_ability_verdict_t verdict(const cast_t *cast) {
  if (cast->stunned) return EXPORTS_ABILITY_VERDICT_STUNNED;
  if (cast->cooldown_left_ticks > 0) return EXPORTS_ABILITY_VERDICT_ON_COOLDOWN;
  if (cast->since_last_action_ticks < 10) return EXPORTS_ABILITY_VERDICT_TOO_SOON;
  if (cast->distance_mm > cast->range_mm) return EXPORTS_ABILITY_VERDICT_OUT_OF_RANGE;
  if (cast->mana < (int64_t)cast->mana_cost) return EXPORTS_ABILITY_VERDICT_NOT_ENOUGH_MANA;
  if (cast->energy < (int64_t)cast->energy_cost) return EXPORTS_ABILITY_VERDICT_NOT_ENOUGH_ENERGY;
  return EXPORTS_ABILITY_VERDICT_ALLOW;
}

// What the content says, for whoever is near enough, ready and not stunned.
static plan_t plan(const cast_t *cast) {
  return (plan_t){
      .id = cast->id,
      .verdict = verdict(cast),
      .mana_cost = cast->mana_cost,
      .energy_cost = cast->energy_cost,
      .cooldown_ticks = cast->cooldown_ticks,
      .power_permille = cast->power_permille,
      .element = cast->element,
      .status = cast->status,
      .status_ticks = cast->status_ticks,
      .status_stacks = 1,
      .heal = cast->heal,
  };
}

// Every stack hurts (or, with a negative strength, heals) by the strength of the content.
static pulse_outcome_t pulse(const pulse_t *pulse) {
  int64_t damage = lore_clamp((int64_t)pulse->strength * pulse->stacks, -1000000, 1000000);
  return (pulse_outcome_t){.id = pulse->id, .damage = (int32_t)damage};
}

void exports_ability_plan_casts(exports_ability_context_t *ctx, exports_ability_list_cast_t *casts,
                                exports_ability_list_plan_t *ret) {
  (void)ctx;
  LORE_EACH(casts, ret, plan);
  exports_ability_list_cast_free(casts);
}

void exports_ability_pulse_statuses(exports_ability_context_t *ctx, exports_ability_list_pulse_t *pulses,
                                    exports_ability_list_pulse_outcome_t *ret) {
  (void)ctx;
  LORE_EACH(pulses, ret, pulse);
  exports_ability_list_pulse_free(pulses);
}
