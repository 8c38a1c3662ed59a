//! `.ebextensions/*.config`. EB reads these files as YAML or JSON when it deploys a version.

use flipless_settings::ebextensions;
use flipless_settings::{FrontMode, Settings};

use super::outcome::Check;
use super::started::OUR_CONFIGURATION;
use crate::bundle::Bundle;

/// The file that opens the port of HTTPS, in the security group that EB makes.
const OPENS_PORT: &str = ".ebextensions/flipless-https.config";
/// The namespace and the name of the option that keeps EB from making this group.
const NO_GROUP: [&str; 2] = [
    "aws:autoscaling:launchconfiguration",
    "DisableDefaultEC2SecurityGroup",
];
/// The namespace of the proxy's options.
const PROXY: &str = "aws:elasticbeanstalk:environment:proxy";

/// Checks that every file is valid and contains a mapping, and that no file chooses another proxy than nginx.
pub fn check(bundle: &Bundle, settings: Option<&Settings>) -> Check {
    let files = bundle.entries.iter().filter_map(|entry| {
        let read = ebextensions::is_config_file(&entry.name);
        Some((entry.name.as_str(), entry.text().filter(|_| read)?))
    });
    let fine = format!("{} files that EB can read", files.clone().count());
    let (mut findings, mut warnings) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let (mark, text) = match text.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mark = mark.then(|| format!("{name} begins with a byte order mark"));
        warnings.extend(mark);
        findings.extend(fault(name, text));
        let has_no_group =
            || option(text, NO_GROUP).is_some_and(|on| on.eq_ignore_ascii_case("true"));
        if bundle.get(OPENS_PORT).is_some() && has_no_group() {
            findings.push(format!(
                "{name} sets {}, so EB makes no group for the rule in {OPENS_PORT}: set `[https] security-group = \
                 false`, and open the port in your own group",
                NO_GROUP[1]
            ));
        }
        let stock = settings.is_some_and(|all| all.front.mode == FrontMode::Stock);
        if let Some(proxy) = other_proxy(text).filter(|_| !stock) {
            // If two files set an option, EB takes the value of the file whose name sorts last.
            match name > OUR_CONFIGURATION {
                true => findings.push(format!(
                    "{name} sets ProxyServer to `{proxy}`, but flipless needs EB's nginx"
                )),
                false => warnings.push(format!(
                    "{name} sets ProxyServer to `{proxy}`, which has no effect: {OUR_CONFIGURATION} sets it to nginx"
                )),
            }
        }
    }
    Check::of("ebextensions", findings, fine)
        .with_warnings(&warnings)
        .with_hint(
            "indent YAML with spaces, not with tabs; to run without EB's proxy, set `[front] mode = \"direct\"`, and \
             remove the option ProxyServer",
        )
}

fn fault(name: &str, text: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Some(format!("{name} is not UTF-8"));
    };
    // Tries JSON first, because JSON may contain tabs, and YAML may not be indented with tabs.
    if serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok() {
        return None;
    }
    let error = ebextensions::sections(text).err()?;
    Some(format!("{name}:{}: {}", error.line, error.reason))
}

/// The value of `ProxyServer`, if it is not nginx.
fn other_proxy(text: &[u8]) -> Option<String> {
    let proxy = option(text, [PROXY, "ProxyServer"])?;
    (proxy != "nginx").then_some(proxy)
}

/// The value of an option, by its namespace and name.
fn option(text: &[u8], [namespace, name]: [&str; 2]) -> Option<String> {
    let file = ebextensions::parse(std::str::from_utf8(text).ok()?).ok()?;
    let options = file.option_settings.into_iter();
    let mut found =
        options.filter(|option| option.namespace == namespace && option.option_name == name);
    Some(found.next_back()?.value)
}
