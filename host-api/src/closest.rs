//! What a misspelt name was meant to be.

/// The known name closest to a wrong one, if it is close enough to be a typing error.
pub fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}
