//! Debian's certbot in postdeploy hooks, as in public repositories. The bundle has no `[https]`.

use rehearse::authority;
use rehearse::image::Suite;
use rehearse::load::Tls;
use rehearse::machine::Instance;

use crate::booted;
use crate::life::kill_nginx;
use crate::shop::{self, DOMAINS, Shop};

const PACKAGES: [&str; 2] = ["certbot", "python3-certbot-nginx"];
const HOOK: &str = ".platform/hooks/postdeploy/00_get_certificate.sh";
/// In each deployment EB writes nginx.conf again, and the plugin adds the listener to it again.
const PLUGIN: &[File] = &[(HOOK, include_str!("../fixtures/certbot/plugin.sh"), 0o755)];
const WEBROOT: &[File] = &[
    (HOOK, include_str!("../fixtures/certbot/webroot.sh"), 0o755),
    CHALLENGE,
];
const CHALLENGE: File = (
    ".platform/nginx/conf.d/elasticbeanstalk/00_challenge.conf",
    "location /.well-known/acme-challenge/ { root /var/www/letsencrypt; }\n",
    0o644,
);
const PREBUILD: &[File] = &[
    (
        ".platform/hooks/prebuild/00_https_certbot.sh",
        include_str!("../fixtures/certbot/prebuild.sh"),
        0o755,
    ),
    // The hook writes to this folder of the bundle.
    (
        ".platform/nginx/conf.d/uploads.conf",
        "client_max_body_size 20m;\n",
        0o644,
    ),
];
/// A file that changes nginx's configuration.
const OTHER: File = (
    ".platform/nginx/conf.d/own.conf",
    "server_tokens off;\n",
    0o644,
);

/// Makes certbot use the authority, and makes the instance trust the authority's root certificate.
const PREPARE: &str = "mkdir -p /etc/letsencrypt && \
    printf 'server = %s\\n' \"$0\" >/etc/letsencrypt/cli.ini && \
    cat /etc/authority/root.pem >>/etc/ssl/certs/ca-certificates.crt && certbot --version";

type File = (&'static str, &'static str, u32);

pub fn in_hooks(suite: Suite) {
    let mut shop = launch(suite);
    shop.under_load("certbot's first certificate", |shop| deploy(shop, PLUGIN));
    shop.tls = Some(Tls {
        long: false,
        // None of the hooks turns HTTP/2 on.
        http2: 0,
        ..Tls::new(shop::https(), DOMAINS[0])
    });
    shop.under_load("certbot's plugin", |shop| {
        deploy(shop, PLUGIN);
        // Already adds the location for the challenge, which the hook of the next version needs. The next version can't
        // add it itself in time: EB's files lack the listener, so nginx loads them only after the hooks.
        deploy(shop, &[PLUGIN, &[OTHER, CHALLENGE]].concat());
        kill_nginx(shop);
    });
    let before = shop.served();
    // Without `--no-random-sleep-on-renew` certbot would wait for up to eight minutes.
    shop.under_load("certbot's renewal", |shop| {
        shop.rig
            .must("certbot renew --force-renewal --no-random-sleep-on-renew -q");
        shop.wait_for_another(before);
    });
    // EB's nginx.conf has no listener on port 443, and the new hook adds the listener in another file.
    shop.under_load("certbot's webroot", |shop| {
        deploy(shop, WEBROOT);
        deploy(shop, &[WEBROOT, &[OTHER]].concat());
        kill_nginx(shop);
    });
    shop.under_load("certbot before the deployment", |shop| {
        deploy(shop, PREBUILD);
        deploy(shop, PREBUILD);
    });
    shop.rig.settle();
}

fn launch(suite: Suite) -> Shop {
    let machine = booted::boot_with(suite, &PACKAGES);
    let https = flipless_settings::Https {
        domains: DOMAINS.map(String::from).to_vec(),
        ..Default::default()
    };
    assert!(authority::start(&machine, &https).unwrap());
    let prepare = PREPARE.replace("$0", authority::DIRECTORY);
    // Checks that certbot is the real program. A placeholder would print that certbot was not run.
    let said = machine.run(&rehearse::machine::Command::shell(&prepare));
    let said = said.unwrap().text();
    assert!(said.starts_with("certbot "), "{said}");
    let mut shop = Shop::without_https(machine, suite);
    shop.rig.create_environment();
    shop
}

fn deploy(shop: &mut Shop, files: &[File]) {
    let bundle = shop.rig.version(files);
    let done = shop.rig.engine.deploy(&bundle);
    let log = shop.rig.say("tail -n 40 /var/log/eb-hooks.log");
    assert!(done.outcome.is_ok(), "{:?}: {log}", done.outcome);
}
