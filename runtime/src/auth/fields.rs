//! What names, emails and passwords may look like. Checked once, at the edge.

/// A field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FieldError {
    /// Name of the field on the wire.
    pub field: &'static str,
    /// What it must be.
    pub reason: &'static str,
}

/// `local@domain.tld`, at most 254 bytes (RFC 5321), no spaces or control characters. Whether it
/// exists only a mail can tell.
///
/// # Errors
/// [`FieldError`].
pub fn check_email(email: &str) -> Result<(), FieldError> {
    let well_formed = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, domain)| {
            let labels = domain.split('.');
            (1..=64).contains(&local.len())
                && domain.contains('.')
                && labels.into_iter().all(|label| {
                    !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                })
        });
    check(well_formed, "email", "must be an address such as ada@example.org")
}

/// 3 to 24 of `A-Z a-z 0-9 _`: it is typed, and shown where look-alikes would deceive.
///
/// # Errors
/// [`FieldError`].
pub fn check_username(username: &str) -> Result<(), FieldError> {
    let allowed = username.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    check(allowed && (3..=24).contains(&username.len()), "username", "must be 3 to 24 of A-Z, a-z, 0-9, _")
}

/// 8 to 128 characters of any kind (at most 512 bytes): length is what makes a password good, the
/// bound is what keeps hashing cheap.
///
/// # Errors
/// [`FieldError`].
pub fn check_password(password: &str) -> Result<(), FieldError> {
    check((8..=128).contains(&password.chars().count()), "password", "must be 8 to 128 characters")
}

/// 2 to 20 letters of the Latin alphabet with its accents (A-Z, U+00C0 to U+024F), which covers
/// European names and leaves no look-alikes from other scripts; combining marks are not letters.
///
/// # Errors
/// [`FieldError`].
pub fn check_character_name(name: &str) -> Result<(), FieldError> {
    let letter = |c: char| {
        c.is_ascii_alphabetic() || (('\u{c0}'..='\u{24f}').contains(&c) && !matches!(c, '×' | '÷'))
    };
    let good = (2..=20).contains(&name.chars().count()) && name.chars().all(letter);
    check(good, "name", "must be 2 to 20 letters of the Latin alphabet")
}

fn check(good: bool, field: &'static str, reason: &'static str) -> Result<(), FieldError> {
    if good { Ok(()) } else { Err(FieldError { field, reason }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_or_refused() {
        for good in ["a@b.c", "ada.l+x@mail.example.org", "ä@exämple.org"] {
            assert_eq!(check_email(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "@b.c", "a@", "a@b", "a@b..c", "a b@c.d", "a@b.c\n", "a@b@c.d"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
        assert!(check_username("ada_99").is_ok());
        for bad in ["ab", "a-b-c", "äda", "a@b", "", &"a".repeat(25)] {
            assert!(check_username(bad).is_err(), "{bad}");
        }
        assert!(check_password("пароль12").is_ok());
        assert!(check_password("1234567").is_err() && check_password(&"x".repeat(129)).is_err());
        for good in ["Ada", "Zoë", "Łukasz", "Çelik"] {
            assert_eq!(check_character_name(good), Ok(()), "{good}");
        }
        for bad in ["A", "Ada1", "Аda", "A da", "Ada×", "e\u{301}a", "<b>", &"a".repeat(21)] {
            assert!(check_character_name(bad).is_err(), "{bad}");
        }
    }
}
