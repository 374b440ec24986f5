-- The formula of scripts/combat. Dice: splitmix64 on 64-bit cdata.
local bit = require("bit")
local bxor, rshift = bit.bxor, bit.rshift
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

local state
local function below(bound)
  state = state + 0x9e3779b97f4a7c15ULL
  local z = bxor(state, rshift(state, 30)) * 0xbf58476d1ce4e5b9ULL
  z = bxor(z, rshift(z, 27)) * 0x94d049bb133111ebULL
  z = bxor(z, rshift(z, 31))
  return floor(tonumber(rshift(z, 32)) * bound / 4294967296)
end

local function half(x) -- rounded towards zero
  if x < 0 then return ceil(x / 2) end
  return floor(x / 2)
end

local function share(amount, permille)
  local product = amount * permille / 1000
  return max(0, min(1000000, product < 0 and ceil(product) or floor(product)))
end

local function decide(a)
  state = a.seed_high * 0x100000000ULL + a.seed_low
  local chance = 70 + half(a.accuracy - 50) - half(a.evasion - 50) - floor(floor(a.distance_mm / 1000) / 10)
  if below(100) >= max(5, min(95, chance)) then return 0, 0, 0, 0, 1 end
  if below(100) < a.dodge_chance then return 1, 0, 0, 0, 1 end
  local plain = max(0, a.attack_power + a.weapon_damage)
  local base = share(share(plain, a.power_permille), 800 + below(401))
  local critical = below(100) < a.critical_chance
  local raw = critical and share(base, 1500) or base
  local blocked = not critical and below(100) < a.block_chance
  local passed = blocked and share(raw, 500) or raw
  local resistance = max(-1000, min(1000, a.resistance_permille))
  local amount = max(1, min(1000000, share(passed, 1000 - resistance) - a.defence))
  return critical and 4 or blocked and 2 or 3, base, raw, amount, amount
end

function resolve(a)
  local kind, base, raw, amount, threat = decide(a)
  return { id = a.id, kind = kind, base = base, raw = raw, amount = amount, threat = threat }
end

function resolve_batch(attacks)
  local outcomes = {}
  for i = 1, #attacks do outcomes[i] = resolve(attacks[i]) end
  return outcomes
end

function resolve_kept()
  local sum = 0
  for i = 1, #kept do
    local a = kept[i]
    local kind, base, raw, amount, threat = decide(a)
    sum = sum + a.id + 2 * kind + 3 * base + 5 * raw + 7 * amount + 11 * threat
  end
  return sum
end
