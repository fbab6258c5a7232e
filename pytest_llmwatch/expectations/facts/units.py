"""Units of measure in English and Japanese: what they measure, and how much one is."""

from __future__ import annotations

# One line per unit: dimension, how many of the dimension's own unit it is, its spellings (`_` is a space).
_TABLE = """
duration 1         second seconds sec secs s 秒 秒間
duration 60        minute minutes min mins 分 分間
duration 3600      hour hours hr hrs h 時間
duration 86400     day days 日 日間
duration 604800    week weeks wk 週 週間
duration 1209600   fortnight fortnights
duration 2592000   month months か月 ヶ月 カ月 ケ月 ヵ月 箇月 か月間 ヶ月間 カ月間
duration 31536000  year years yr yrs 年 年間
duration 0.001     millisecond milliseconds ms ミリ秒
workdays 1         business_day business_days working_day working_days workday workdays 営業日 営業日間
length 0.001       mm millimeter millimeters millimetre millimetres ミリメートル
length 0.01        cm centimeter centimeters centimetre centimetres センチ センチメートル
length 1           m meter meters metre metres メートル
length 1000        km kilometer kilometers kilometre kilometres キロメートル
length 1609.344    mile miles マイル
length 0.0254      inch inches インチ
length 0.3048      foot feet ft フィート
mass 0.000001      mg milligram milligrams ミリグラム
mass 0.001         g gram grams グラム
mass 1             kg kilogram kilograms kilo kilos キログラム
mass 1000          ton tons tonne tonnes トン
mass 0.45359237    lb lbs pound-weight ポンド
volume 0.001       ml milliliter milliliters millilitre millilitres ミリリットル
volume 1           l liter liters litre litres リットル
volume 3.785411784 gallon gallons ガロン
data 1             byte bytes バイト
data 1000          kb kilobyte kilobytes
data 1000000       mb megabyte megabytes メガバイト
data 1000000000    gb gigabyte gigabytes ギガバイト
data 1000000000000 tb terabyte terabytes テラバイト
ratio 0.01         % percent パーセント
ratio 0.1          割
celsius 1          °c ℃ celsius
fahrenheit 1       °f ℉ fahrenheit
money:USD 1        $ usd dollar dollars ドル 米ドル
money:USD 0.01     cent cents セント
money:EUR 1        € eur euro euros ユーロ
money:GBP 1        £ gbp pound pounds
money:JPY 1        ¥ jpy yen 円
money:CNY 1        cny rmb yuan 元
"""
UNITS: dict[str, tuple[str, float]] = {
    spelling.replace("_", " "): (dimension, float(factor))
    for dimension, factor, *spellings in map(str.split, _TABLE.strip().splitlines())
    for spelling in spellings
}
# A year is no round number of days, but it is twelve months.
MONTHS = {2592000.0: 1, 31536000.0: 12}
SIGNS = {"$": "money:USD", "€": "money:EUR", "£": "money:GBP", "¥": "money:JPY"}
