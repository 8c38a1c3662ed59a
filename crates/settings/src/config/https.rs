//! `[https]`: the names that the instance serves over HTTPS, and their certificate.

use serde::{Deserialize, Serialize};

use super::domain::Domain;
use super::values::{
    AbsolutePath, Directory, Email, KeyId, LastingFile, Number, Port, Profile, Property, UrlPath,
};
use crate::settings;

/// How many names one certificate may have (https://letsencrypt.org/docs/rate-limits/).
const MOST_DOMAINS: usize = 100;

/// HTTPS on the instance itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Https {
    /// The names, which are all in one certificate. Without a name there is no HTTPS.
    pub domains: Vec<Domain>,
    /// The address that the authority may write to.
    pub email: Option<Email>,
    /// The port of HTTPS.
    pub port: Port,
    /// Whether the public port redirects to HTTPS.
    pub redirect: bool,
    /// `max-age` of `Strict-Transport-Security`; 0 sends no such header. The maximum is two years.
    pub strict_transport_security_seconds: Number<0, 63_072_000>,
    /// Whether the bundle opens the port in the instance's security group.
    pub security_group: bool,
    /// The address of the authority's directory (RFC 8555, 7.1.1).
    pub directory: Directory,
    /// The profile of the certificate, by the authority's name for it.
    pub profile: Option<Profile>,
    /// The key identifier of an external account binding (RFC 8555, 7.3.4).
    pub account_key_id: Option<KeyId>,
    /// The environment property with the HMAC key of the external account binding.
    pub account_hmac_property: Option<Property>,
    /// A PEM file on the instance with root certificates, which verify the HTTPS server of the directory.
    pub trusted_root: Option<AbsolutePath>,
    /// A PEM file on the instance with the owner's own certificate.
    pub certificate: Option<LastingFile>,
    /// A PEM file on the instance with the key of that certificate.
    pub key: Option<LastingFile>,
}

impl Default for Https {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            email: None,
            port: Number::literal(443),
            redirect: true,
            strict_transport_security_seconds: Number::literal(0),
            security_group: true,
            directory: Directory::literal("https://acme-v02.api.letsencrypt.org/directory"),
            profile: None,
            account_key_id: None,
            account_hmac_property: None,
            trusted_root: None,
            certificate: None,
            key: None,
        }
    }
}

impl Https {
    /// Whether an authority issues the certificate. If so, the bundle contains the program for certificates.
    pub fn needs_authority(&self) -> bool {
        !self.domains.is_empty() && self.certificate.is_none()
    }

    /// Returns the part that the agent needs.
    pub(super) fn resolve(&self) -> settings::Https {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        settings::Https {
            domains: self.domains.iter().map(ToString::to_string).collect(),
            email: text(self.email.as_ref().map(|value| value as _)),
            port: self.port.number(),
            redirect: self.redirect,
            strict_transport_security_seconds: self.strict_transport_security_seconds.get().into(),
            directory: self.directory.to_string(),
            profile: text(self.profile.as_ref().map(|value| value as _)),
            account_key_id: text(self.account_key_id.as_ref().map(|value| value as _)),
            account_hmac_property: text(
                self.account_hmac_property.as_ref().map(|value| value as _),
            ),
            trusted_root: text(self.trusted_root.as_ref().map(|value| value as _)),
            certificate: text(self.certificate.as_ref().map(|value| value as _)),
            key: text(self.key.as_ref().map(|value| value as _)),
        }
    }

    /// Finds two keys that contradict each other. Returns the key for the error's place, and the reason.
    pub(super) fn contradiction(&self, health_path: &UrlPath) -> Option<(&'static str, String)> {
        if self.domains.len() > MOST_DOMAINS {
            let count = self.domains.len();
            return Some((
                "domains",
                format!("{count} names are too many: one certificate has at most {MOST_DOMAINS}"),
            ));
        }
        let mut sorted: Vec<_> = self.domains.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(("domains", format!("`{}` is listed twice", twice[0])));
        }
        if health_path
            .as_str()
            .starts_with(crate::nginx::https::CHALLENGES)
        {
            let message = format!(
                "the health path can't begin with {}, where nginx answers the authority",
                crate::nginx::https::CHALLENGES
            );
            return (!self.domains.is_empty()).then_some(("health-path", message));
        }
        self.incomplete_pair()
            .or_else(|| self.useless())
            .or_else(|| self.excluded())
    }

    /// Finds a key that has no use, because there is no HTTPS.
    fn useless(&self) -> Option<(&'static str, String)> {
        if !self.domains.is_empty() {
            return None;
        }
        let keys = [
            ("email", self.email.is_some()),
            ("certificate", self.certificate.is_some()),
            ("account-key-id", self.account_key_id.is_some()),
        ];
        let (key, _) = keys.into_iter().find(|(_, is_set)| *is_set)?;
        let message = format!("`{key}` needs `domains`, because there is no HTTPS without a name");
        Some((key, message))
    }

    /// Finds a key that needs another key.
    fn incomplete_pair(&self) -> Option<(&'static str, String)> {
        let has = [
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
            ("account-key-id", self.account_key_id.is_some()),
            (
                "account-hmac-property",
                self.account_hmac_property.is_some(),
            ),
        ];
        has.chunks(2).find_map(|pair| {
            let (set, missing) = match (pair[0], pair[1]) {
                ((set, true), (missing, false)) | ((missing, false), (set, true)) => (set, missing),
                _ => return None,
            };
            Some((set, format!("`{set}` needs `{missing}`, too")))
        })
    }

    /// Finds a key that has no use beside the owner's own certificate.
    fn excluded(&self) -> Option<(&'static str, String)> {
        self.certificate.as_ref()?;
        let of_the_authority = [
            ("email", self.email.is_some()),
            ("directory", self.directory != Self::default().directory),
            ("profile", self.profile.is_some()),
            ("account-key-id", self.account_key_id.is_some()),
            ("trusted-root", self.trusted_root.is_some()),
        ];
        let (key, _) = of_the_authority.into_iter().find(|(_, is_set)| *is_set)?;
        Some((
            key,
            format!(
                "`certificate` and `{key}` exclude each other: with your own certificate, flipless asks no authority"
            ),
        ))
    }
}
