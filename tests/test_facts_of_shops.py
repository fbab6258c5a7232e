"""Facts of plain sentences of shops: shipping, refunds, stock, hours, membership, warranty, payment, dates."""

import pytest

from pytest_llmwatch.expectations.facts import changed_facts

SAME = [
    ("送料はかかりません。", "送料は無料です。"),
    ("会員登録は不要です。", "会員登録は必要ありません。"),
    ("定休日はありません。", "年中無休です。"),
    ("The warranty lasts 12 months.", "The warranty lasts one year."),
    ("保証期間は12か月です。", "保証期間は1年間です。"),
    ("Shipping is free.", "There is no charge for shipping."),
    ("Returns are free.", "Returns come at no cost."),
    ("No account is required.", "You don't need an account."),
    ("Gift cards are not refundable.", "Gift cards are non-refundable."),
    ("This item is in stock.", "This item is available."),
    ("The store is closed on Sundays.", "The store is not open on Sundays."),
    ("We do not accept checks.", "We refuse checks."),
    ("The price includes tax.", "The price does not exclude tax."),
    ("Your trial lasts one week.", "Your trial lasts 7 days."),
    ("Orders cannot be cancelled after shipping.", "Orders can only be cancelled before shipping."),
    ("Delivery costs nothing.", "Delivery is free of charge."),
    ("年会費は無料です。", "年会費はかかりません。"),
    ("予約は不要です。", "予約の必要はございません。"),
    ("この商品は在庫切れです。", "この商品は在庫がありません。"),
    ("クレジットカードがご利用いただけます。", "クレジットカードが使えます。"),
    ("返品はお受けできません。", "返品はお断りしております。"),
    ("送料は当店が負担します。", "送料のご負担はありません。"),
    ("日曜日は休業です。", "日曜日は営業しておりません。"),
    ("保証は2週間です。", "保証は14日間です。"),
]
CHANGED = [
    ("送料は無料です。", "送料がかかります。"),
    ("Shipping is free.", "Shipping costs extra."),
    ("返品はお断りしております。", "返品は受け付けております。"),
    ("在庫切れです。", "在庫がございます。"),
    ("Refunds take 5 days.", "Refunds take 5 business days."),
    ("返金は5日かかります。", "返金は5営業日かかります。"),
    ("This item is in stock.", "This item is sold out."),
    ("Returns are free.", "Returns cost $5."),
    ("There is no charge for returns.", "There is a charge for returns."),
    ("We accept PayPal.", "We decline PayPal."),
    ("The store is open on Sundays.", "The store is closed on Sundays."),
    ("Tax is included.", "Tax is excluded."),
    ("Order before noon for same-day delivery.", "Order after noon for same-day delivery."),
    ("An account is required.", "You don't need an account."),
    ("入会金は無料です。", "入会金がかかります。"),
    ("会員登録が必要です。", "会員登録は必要ありません。"),
    ("在庫はございません。", "在庫がございます。"),
    ("年中無休です。", "毎週月曜日が定休日です。"),
    ("ポイントは購入前に使えます。", "ポイントは購入後に使えます。"),
    ("表示価格には消費税が含まれます。", "表示価格には消費税が含まれません。"),
    ("日曜日も営業しております。", "日曜日は休業です。"),
]
SAME_TOO = [
    ("送料は無料ですが、手数料がかかります。", "手数料がかかりますが、送料は無料です。"),
    ("Standard delivery is free.", "You pay nothing for standard delivery."),
    ("Pets are not allowed.", "Pets are forbidden."),
    ("We are closed on Mondays.", "The shop is shut on Mondays."),
    ("Breakfast is included.", "The price includes breakfast."),
    ("An ID is not required.", "You do not need to show an ID."),
    ("The red one is back in stock.", "The red one is available again."),
    ("We do not charge for repairs.", "Repairs are free."),
    ("Late orders are rejected.", "We don't accept late orders."),
    ("Your coupon is valid for two weeks.", "Your coupon is valid for 14 days."),
    ("Returns need no receipt.", "A receipt is not needed for returns."),
    ("駐車場は無料です。", "駐車料金はかかりません。"),
    ("当日のキャンセルはできません。", "当日のキャンセルはお断りしています。"),
    ("電話予約は可能です。", "電話予約ができます。"),
    ("ご予約は必須ではありません。", "ご予約は任意です。"),
    ("月曜日は定休日です。", "月曜日は休みです。"),
    ("電池は付属していません。", "電池は別売りです。"),
    ("赤色は品切れです。", "赤色の在庫はありません。"),
    ("保険料はかかりません。", "保険料は無料です。"),
    ("有効期限は1年です。", "有効期限は12か月です。"),
    ("Express shipping is free for members.", "Members pay nothing for express shipping."),
    ("No deposit is needed.", "A deposit is not required."),
    ("The blue model is sold out.", "The blue model is out of stock."),
    ("We are open every day.", "We never close."),
    ("You can pay by card.", "We accept cards."),
    ("Installation is included.", "Installation comes at no extra charge."),
    ("The guarantee runs for two years.", "The guarantee runs for 24 months."),
    ("Used items are not eligible for a refund.", "Used items are ineligible for a refund."),
    ("手数料は無料です。", "手数料はいただきません。"),
    ("土日も休まず営業しています。", "土日も営業しています。"),
    ("お子様も参加できます。", "お子様の参加は可能です。"),
    ("この商品は完売しました。", "この商品は売り切れです。"),
    ("身分証の提示は必要ありません。", "身分証の提示は不要です。"),
    ("保証期間は6か月です。", "保証期間は半年です。"),
    ("代金引換はご利用いただけません。", "代金引換には対応していません。"),
]
CHANGED_TOO = [
    ("送料は無料ですが、手数料がかかります。", "送料がかかりますが、手数料は無料です。"),
    ("Returns are free of charge.", "A fee applies to returns."),
    ("The cafe is open at weekends.", "The cafe is closed at weekends."),
    ("Breakfast is included.", "Breakfast is not included."),
    ("Cash is accepted.", "We do not take cash."),
    ("A receipt is needed.", "No receipt is needed."),
    ("The jacket is available.", "The jacket is sold out."),
    ("Refunds arrive within 10 business days.", "Refunds arrive within 10 days."),
    ("Delivery is not free.", "Delivery is free."),
    ("Repairs cost nothing.", "We charge for repairs."),
    ("Your plan renews after one year.", "Your plan renews after 6 months."),
    ("駐車場は有料です。", "駐車場は無料です。"),
    ("電池は付属しています。", "電池は別売りです。"),
    ("予約は不要です。", "予約が必要です。"),
    ("土曜日は営業しています。", "土曜日はお休みです。"),
    ("白色は在庫があります。", "白色は完売しました。"),
    ("代引きは利用できます。", "代引きは利用できません。"),
    ("キャンセルを承ります。", "キャンセルはお断りします。"),
    ("手数料はかかりません。", "手数料が発生します。"),
    ("10営業日で届きます。", "10日で届きます。"),
    ("送料は込みです。", "送料は別途です。"),
    ("Gift wrapping is free.", "Gift wrapping costs $3."),
    ("Membership is required.", "Membership is optional."),
    ("The item is out of stock.", "The item is available now."),
    ("Exchanges are accepted.", "Exchanges are refused."),
    ("Parking is free.", "There is a fee for parking."),
    ("The warranty covers water damage.", "The warranty does not cover water damage."),
    ("Delivery takes 3 business days.", "Delivery takes 3 weeks."),
    ("Batteries are included.", "Batteries are sold separately."),
    ("キャンセル料は無料です。", "キャンセル料が発生します。"),
    ("ギフト包装は承っております。", "ギフト包装は承っておりません。"),
    ("予約が必要です。", "予約は不要です。"),
    ("祝日は休業いたします。", "祝日も営業いたします。"),
    ("品切れです。", "在庫あり。"),
    ("3営業日以内に発送します。", "3日以内に発送します。"),
    ("サイズ交換を受け付けています。", "サイズ交換は受け付けていません。"),
]


def certain(reference, text):
    return [str(fact) for fact in changed_facts(reference, text) if fact.is_certain]


@pytest.mark.parametrize("reference, text", SAME + SAME_TOO)
def test_a_shop_that_says_the_same_otherwise_contradicts_nothing(reference, text):
    assert certain(reference, text) == []
    assert certain(text, reference) == []


@pytest.mark.parametrize("reference, text", CHANGED + CHANGED_TOO)
def test_a_shop_that_says_otherwise_is_seen(reference, text):
    assert certain(reference, text) != []
    assert certain(text, reference) != []
