// What becomes of a swing.
#include "lore_sdk.h"

typedef exports_combat_attack_t attack_t;
typedef exports_combat_outcome_t outcome_t;

// Three swings in four land, for what attack and weapon give, less the defence.
static outcome_t swing(const attack_t *attack) {
  lore_rng_t dice = lore_rng(attack->seed);
  if (lore_d100(&dice) > 75) {
    return (outcome_t){.id = attack->id, .kind = EXPORTS_COMBAT_HIT_KIND_MISS, .threat = 1};
  }
  int32_t base = attack->attack_power + attack->weapon_damage + lore_between(&dice, -3, 3);
  int32_t amount = (int32_t)lore_clamp(base - attack->defence, 1, 1000000);
  return (outcome_t){
      .id = attack->id,
      .kind = EXPORTS_COMBAT_HIT_KIND_HIT,
      .base = base,
      .raw = base,
      .amount = amount,
      .threat = amount,
  };
}

void exports_combat_resolve(exports_combat_context_t *ctx, exports_combat_list_attack_t *attacks,
                            exports_combat_list_outcome_t *ret) {
  (void)ctx;
  LORE_EACH(attacks, ret, swing);
  exports_combat_list_attack_free(attacks);
}
