//! Traditional characters that occur in titles, with their simplified forms. A table for recognising
//! names, not a converter of prose.

use std::{collections::HashMap, sync::LazyLock};

/// Each traditional character, followed by its simplified form.
const PAIRS: &str = "\
丟丢亂乱亞亚佈布來来係系倉仓個个們们倫伦偉伟偽伪傘伞備备傳传債债傷伤傾倾僅仅僑侨價价儀仪億亿優优儲储兒儿內内兩两冊册凍冻凱凯別别刪删則则剛刚創创劃划劉刘劑剂勁劲\
動动務务勝胜勞劳勢势勵励協协厲厉參参吳吴員员問问啞哑啟启喪丧喬乔單单嗆呛嗎吗嘆叹嘗尝嚴严國国圍围園园圓圆圖图團团執执堅坚報报場场塊块塢坞塵尘墳坟壇坛壓压壞坏壯壮\
壺壶壽寿夠够夾夹奧奥奪夺奮奋婦妇媽妈孫孙學学宮宫實实寧宁審审寫写寬宽寵宠寶宝將将專专尋寻對对導导層层屬属岡冈島岛嶼屿帥帅師师帳帐帶带幣币幫帮幹干幾几庫库廚厨廟庙\
廠厂廢废廣广廳厅張张強强彈弹後后徑径從从復复愛爱態态慣惯憑凭憲宪應应懷怀戰战戲戏戶户掃扫掛挂揚扬換换揮挥損损搶抢撫抚撲扑擁拥擇择擊击擔担據据擬拟擴扩擺摆擾扰攝摄\
攤摊敗败數数斬斩斷断於于時时晝昼暢畅暫暂曉晓曠旷曬晒書书會会東东條条楊杨業业極极構构槍枪樂乐樓楼標标樣样樹树橋桥機机檢检檯台櫃柜櫻樱權权歐欧歡欢歲岁歷历歸归殘残\
殺杀殼壳毀毁氣气決决沒没況况淚泪淨净減减測测湯汤準准溝沟溫温滅灭滬沪滾滚滿满漁渔漢汉潔洁濕湿濟济濾滤瀏浏灣湾災灾為为烏乌無无煙烟煩烦熱热燒烧爭争爺爷爾尔牆墙狀状\
獅狮獨独獲获獵猎獸兽現现瑪玛環环產产畫画異异當当疊叠瘋疯療疗癥症發发皺皱盜盗監监盤盘盧卢眾众瞭了確确碼码磚砖礎础礦矿禮礼種种稱称積积穩稳窩窝競竞筆笔節节範范築筑\
簡简簽签籃篮籌筹糧粮紀纪約约紅红純纯紗纱級级細细終终組组結结絕绝絡络給给統统絲丝綁绑經经綠绿維维網网緒绪線线編编緩缓練练縣县縮缩總总績绩織织繪绘繫系繼继續续纜缆\
罰罚羅罗義义習习聖圣聯联聰聪聲声職职聽听腦脑臉脸臘腊臨临臺台與与興兴舉举舊旧華华萬万著着藍蓝藝艺蘇苏蘭兰處处虛虚虜虏號号虧亏蝦虾蟲虫蠟蜡術术衛卫衝冲衹只裏里補补\
裝装裡里見见規规視视親亲覺觉覽览觸触訂订計计訊讯討讨訓训記记訪访設设許许訴诉診诊評评詞词試试詩诗話话該该詳详誇夸語语誤误說说誰谁課课調调談谈請请諸诸謀谋謎谜謝谢\
證证識识譯译議议護护讀读變变讓让豐丰貓猫財财貨货販贩責责買买費费貼贴賀贺資资賓宾賞赏賣卖質质賬账賽赛贊赞贏赢趙赵跡迹踐践車车軌轨軍军軟软較较載载輔辅輕轻輛辆輝辉\
輪轮輯辑輸输轉转農农這这連连週周進进運运過过達达違违遠远適适遲迟遷迁選选遺遗還还邊边郵邮鄉乡鄧邓鄭郑釋释鈴铃鉤钩銀银銘铭銳锐鋒锋鋼钢錄录錢钱錯错錶表鍵键鎖锁鏈链\
鏡镜鐘钟鐵铁鑿凿長长門门閃闪閉闭開开閒闲間间閱阅關关陰阴陳陈陸陆陽阳隊队階阶際际隨随險险隱隐隻只雙双雜杂離离難难雲云電电靈灵靜静韓韩響响頁页頂顶項项順顺須须預预\
領领頭头頻频題题額额顏颜願愿類类顯显風风颱台飛飞飯饭飲饮養养餘余館馆馬马馮冯駐驻駕驾驅驱驗验驚惊體体髮发鬥斗魚鱼鮮鲜鳥鸟鳳凤鴻鸿麗丽麥麦麼么黃黄點点黨党齊齐齡龄\
龍龙龜龟";

static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let characters: Vec<char> = PAIRS.chars().collect();
    characters
        .chunks_exact(2)
        .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
        .collect()
});

/// The simplified form of a character; the character itself where the table has none.
pub(crate) fn simplified(c: char) -> char {
    // Nothing below the CJK blocks has one.
    if c < '\u{2E80}' {
        c
    } else {
        SIMPLIFIED.get(&c).copied().unwrap_or(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simplified_forms_are_final() {
        assert_eq!(
            PAIRS.chars().count(),
            SIMPLIFIED.len() * 2,
            "a character stands twice"
        );
        for simple in SIMPLIFIED.values() {
            assert!(!SIMPLIFIED.contains_key(simple), "{simple}");
        }
        assert_eq!("騰訊視頻".chars().map(simplified).collect::<String>(), "腾讯视频");
    }
}
