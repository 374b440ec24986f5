//! Configuration: defaults, one TOML file, environment overrides.
