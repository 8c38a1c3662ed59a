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

/// Sets up the authority and its root certificate, as a user would do by hand.
const PREPARE: &str = "mkdir -p /etc/letsencrypt && \
    printf 'server = %s\\n' \"$0\" >/etc/letsencrypt/cli.ini && \
    cat /etc/authority/root.pem >>/etc/ssl/certs/ca-certificates.crt && certbot --version";

type File = (&'static str, &'static str, u32);

pub fn in_hooks(suite: Suite) {
    let mut shop = launch(suite);
    shop.under_load("certbot's first certificate", |shop| deploy(shop, PLUGIN));
    shop.tls = Some(Tls {
        long: false,
        // Neither hook turns HTTP/2 on.
        http2: 0,
        ..Tls::new(shop::https(), DOMAINS[0])
    });
    shop.under_load("certbot's plugin", |shop| {
        deploy(shop, PLUGIN);
        // The hook of the next version needs the location. While EB's files lack a listener, nginx loads none of them
        // before the hooks have ended.
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
    // EB's nginx.conf has no listener, and the new hook adds it in another file.
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
    // This checks that certbot is not a placeholder, which prints that it was not run.
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
