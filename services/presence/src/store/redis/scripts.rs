use parlance_redis::Script;

/// The scripts; each is atomic.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) report: Script,
    pub(super) renew: Script,
    pub(super) sign: Script,
    pub(super) silent: Script,
    pub(super) due: Script,
    pub(super) settle: Script,
    pub(super) typing: Script,
    pub(super) typists: Script,
    pub(super) totals: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("common.lua"), include_str!($file)))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            report: script!("report.lua"),
            renew: script!("renew.lua"),
            sign: script!("sign.lua"),
            silent: script!("silent.lua"),
            due: script!("due.lua"),
            settle: script!("settle.lua"),
            typing: script!("typing.lua"),
            typists: script!("typists.lua"),
            totals: script!("totals.lua"),
        }
    }
}
