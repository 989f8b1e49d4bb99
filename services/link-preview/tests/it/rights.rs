use parlance_core::{Caller, Reason};
use parlance_proto::link_preview::{GetSettingsRequest, ResolveRequest, UpdateSettingsRequest};
use parlance_rpc::Context;

use crate::fixture::{APP, open_rules, reason, service};

#[tokio::test]
async fn links_are_opened_for_services_only_and_rules_are_the_servers() {
    let service = service().await;
    let resolve = || ResolveRequest { url: "http://127.0.0.1:1/".into() };
    let update = || UpdateSettingsRequest { settings: Some(open_rules()) };
    for caller in [Caller::app(APP), Caller::user(APP, 1), Caller::service(APP)] {
        let mut client = service.outside(caller.clone());
        let request = |caller: &Caller| Context::new(caller.clone());
        let refused = reason(client.resolve(request(&caller).request(resolve()))).await;
        assert_eq!(refused, Reason::NotAllowed, "{caller:?}");
        let get = client.get_settings(request(&caller).request(GetSettingsRequest {})).await;
        let put = client.update_settings(request(&caller).request(update())).await;
        let server = caller == Caller::app(APP);
        assert_eq!((get.is_ok(), put.is_ok()), (server, server), "{caller:?}");
    }
    let missing = Context::new(Caller::app(APP)).request(UpdateSettingsRequest { settings: None });
    assert_eq!(reason(service.client.clone().update_settings(missing)).await, Reason::InvalidArgument);
}
