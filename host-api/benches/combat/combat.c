// The formula of scripts/combat in C, roll by roll: measured by the bench beside it, held to the rules in
// Rust by tests/formulas.rs.
#include "lore_sdk.h"

typedef exports_combat_attack_t attack_t;
typedef exports_combat_outcome_t outcome_t;

enum { CRITICAL_PERMILLE = 1500, BLOCKED_PERMILLE = 500, VARIANCE_PERMILLE = 200, THREAT_OF_A_MISS = 1 };
enum { AMOUNT_MAX = 1000000 };

static uint32_t hit_chance(int32_t accuracy, int32_t evasion, uint32_t distance_mm) {
  int64_t aim = ((int64_t)accuracy - 50) / 2;
  int64_t agility = ((int64_t)evasion - 50) / 2;
  int64_t distance = distance_mm / 1000 / 10;
  return (uint32_t)lore_clamp(70 + aim - agility - distance, 5, 95);
}

static int64_t share(int64_t amount, int64_t permille) {
  return lore_clamp(lore_share(amount, permille), 0, AMOUNT_MAX);
}

static outcome_t harmless(uint32_t id, exports_combat_hit_kind_t kind) {
  return (outcome_t){.id = id, .kind = kind, .threat = THREAT_OF_A_MISS};
}

static outcome_t swing(const attack_t *attack) {
  lore_rng_t dice = lore_rng(attack->seed);
  if (lore_d100(&dice) > hit_chance(attack->accuracy, attack->evasion, attack->distance_mm)) {
    return harmless(attack->id, EXPORTS_COMBAT_HIT_KIND_MISS);
  }
  if (lore_d100(&dice) <= attack->dodge_chance) {
    return harmless(attack->id, EXPORTS_COMBAT_HIT_KIND_DODGE);
  }
  int64_t plain = (int64_t)attack->attack_power + attack->weapon_damage;
  int64_t spread = lore_between(&dice, -VARIANCE_PERMILLE, VARIANCE_PERMILLE);
  int64_t base = share(share(plain < 0 ? 0 : plain, attack->power_permille), 1000 + spread);

  bool critical = lore_d100(&dice) <= attack->critical_chance;
  int64_t raw = critical ? share(base, CRITICAL_PERMILLE) : base;

  bool blocked = !critical && lore_d100(&dice) <= attack->block_chance;
  int64_t passed = blocked ? share(raw, BLOCKED_PERMILLE) : raw;
  int64_t resistance = lore_clamp(attack->resistance_permille, -1000, 1000);
  int64_t felt = share(passed, 1000 - resistance) - attack->defence;

  int32_t amount = (int32_t)lore_clamp(felt, 1, AMOUNT_MAX);
  return (outcome_t){
      .id = attack->id,
      .kind = critical  ? EXPORTS_COMBAT_HIT_KIND_CRITICAL
              : blocked ? EXPORTS_COMBAT_HIT_KIND_BLOCK
                        : EXPORTS_COMBAT_HIT_KIND_HIT,
      .base = (int32_t)base,
      .raw = (int32_t)raw,
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
