use parlance_core::{Caller, Reason};
use parlance_proto::channel::*;
use parlance_rpc::Context;

use crate::house::{House, draft, reason};

#[tokio::test]
async fn a_foreign_app_sees_no_channel_whatever_it_asks() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let channel_num = house.create(users[0], "public", "p", &[users[1]]).await.num;
    let foreign = house.new_app().await;
    let spy = house.users_of(foreign, "u", 2).await;
    let service = Context::new(Caller::service(foreign));
    // Even with a num that is a member's in the other app.
    for user_num in [spy[0], users[0]] {
        let user = Context::new(Caller::user(foreign, user_num));
        let mut channel = house.channel();
        let refusals = [
            channel
                .update_channel(user.request(UpdateChannelRequest { channel_num, ..Default::default() }))
                .await
                .map(drop),
            channel.delete_channel(user.request(DeleteChannelRequest { channel_num })).await.map(drop),
            channel
                .list_members(user.request(ListMembersRequest { channel_num, limit: 0, offset: 0 }))
                .await
                .map(drop),
            channel
                .add_members(user.request(AddMembersRequest {
                    channel_num,
                    user_nums: vec![user_num],
                    role: String::new(),
                }))
                .await
                .map(drop),
            channel
                .update_member(user.request(UpdateMemberRequest {
                    channel_num,
                    user_num,
                    role: "member".into(),
                }))
                .await
                .map(drop),
            channel
                .remove_member(user.request(RemoveMemberRequest { channel_num, user_num }))
                .await
                .map(drop),
            channel
                .update_member_settings(user.request(UpdateMemberSettingsRequest {
                    channel_num,
                    muted: Some(true),
                    starred: None,
                }))
                .await
                .map(drop),
            channel
                .authorize(service.request(AuthorizeRequest {
                    channel_num,
                    user_num,
                    action: Action::Read.into(),
                    join: true,
                }))
                .await
                .map(drop),
        ];
        for (call, refusal) in refusals.into_iter().enumerate() {
            assert_eq!(reason(refusal.unwrap_err()), Reason::ChannelNotFound, "call {call}");
        }
        let request = GetChannelsRequest { nums: vec![channel_num], ..Default::default() };
        assert!(
            channel
                .get_channels(user.request(request.clone()))
                .await
                .unwrap()
                .into_inner()
                .channels
                .is_empty()
        );
        assert!(
            channel.get_channels(service.request(request)).await.unwrap().into_inner().channels.is_empty()
        );
        let listed = channel.list_channels(user.request(ListChannelsRequest::default())).await.unwrap();
        assert!(listed.into_inner().channels.is_empty());
        let request = ListCompanionsRequest { user_num, max_members: 100, ..Default::default() };
        let companions = channel.list_companions(service.request(request)).await.unwrap();
        assert!(companions.into_inner().user_nums.is_empty());
        let request = ListMembersOfChannelsRequest { channel_nums: vec![channel_num], limit_each: 0 };
        let lists = channel.list_members_of_channels(service.request(request)).await.unwrap();
        assert!(lists.into_inner().channels.is_empty());
        let question =
            authorize_many_request::Question { channel_num, user_num, action: Action::Read.into() };
        let request = AuthorizeManyRequest { questions: vec![question] };
        let answers = channel.authorize_many(service.request(request)).await.unwrap().into_inner().answers;
        assert!(!answers[0].found);
    }
}

#[tokio::test]
async fn apps_share_neither_users_nor_names() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let foreign = house.new_app().await;
    let spy = house.users_of(foreign, "u", 1).await[0];
    let refused = house.try_create(users[0], draft("group", "g", &[spy])).await.unwrap_err();
    assert_eq!(refused, Reason::UserNotFound);
    let ours = house.create(users[0], "group", "Name", &[]).await;
    let context = Context::new(Caller::user(foreign, spy));
    let theirs = house.channel().create_channel(context.request(draft("group", "Name", &[]))).await;
    assert_eq!(theirs.unwrap().into_inner().channel.unwrap().cid, ours.cid);
}

#[tokio::test]
async fn a_user_gets_the_channels_that_he_may_read_in_the_order_asked_for() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let group = house.create(users[0], "group", "g", &[users[1]]).await.num;
    let public = house.create(users[0], "public", "p", &[]).await.num;
    let nums = vec![public, 4711, group, public];
    for (context, expected) in [
        (house.user(users[1]), vec![public, group]),
        (house.user(users[2]), vec![public]),
        (house.service(), vec![public, group]),
    ] {
        let request = context.request(GetChannelsRequest { nums: nums.clone(), ..Default::default() });
        let reply = house.channel().get_channels(request).await.unwrap().into_inner();
        let got: Vec<_> = reply.channels.iter().map(|channel| channel.num).collect();
        assert_eq!(got, expected);
    }
    let request =
        house.user(users[1]).request(GetChannelsRequest { nums: vec![1; 1001], ..Default::default() });
    let refused = house.channel().get_channels(request).await.unwrap_err();
    assert_eq!(reason(refused), Reason::InvalidArgument);
}
