//! What may follow a program's name without making it another program: architectures, systems, version
//! words, editions, languages.

use std::{collections::HashSet, sync::LazyLock};

#[rustfmt::skip]
pub(crate) const EDITIONS: &[&str] = &[
    "x64", "x86", "x86-64", "x86_64", "x32", "amd64", "arm64", "aarch64", "arm", "i386", "i586", "i686",
    "win32", "win64", "64 bit", "32 bit", "64 位", "32 位", "64 位版", "32 位版", "64 bit edition",
    "64 bits", "32 bits", "win", "windows", "linux", "for windows", "for linux", "for pc", "for desktop",
    "pc", "windows 10", "windows 7", "windows 11", "win7", "win10", "xp", "loongarch64", "mips64el", "mac",
    "uwp", "v", "ver", "version", "build", "rev", "release", "r", "rc", "beta", "alpha", "preview",
    "stable", "final", "nightly", "dev", "sp", "update", "u", "版本", "版", "正式", "版本号", "内部版本",
    "lts", "esr", "p", "国际版", "个人版", "专业版", "标准版", "企业版", "商业版", "正式版", "官方版",
    "官方正式版", "体验版", "测试版", "内测版", "公测版", "尝鲜版", "极速版", "轻聊版", "经典版",
    "简体中文版", "繁体中文版", "中文版", "简体版", "绿色版", "绿色免安装版", "便携版", "单文件版",
    "安装版", "电脑版", "pc版", "windows版", "win版", "linux版", "mac版", "桌面版", "桌面端", "客户端",
    "pc客户端", "电脑客户端", "pc端", "电脑端", "免费版", "旗舰版", "家庭版", "尊享版", "精简版", "离线版",
    "稳定版", "最新版", "新版", "去广告版", "多开版", "防撤回版", "官方", "最新", "简体中文", "繁体中文",
    "中文", "青春版", "校园版", "纯净版", "高级版", "完整版", "基础版", "社区版", "vip版", "加强版",
    "优化版", "修正版", "32位版", "64位版", "统信版", "信创版", "for deepin", "deepin版", "uos版", "wine", "wine版", "deepin wine",
    "wegame版", "steam版", "epic版", "战网版", "im",
    "professional", "pro edition", "personal", "personal edition", "standard edition",
    "enterprise edition", "home edition", "free", "free edition", "community", "community edition",
    "ultimate edition", "trial", "lite", "portable", "portable edition", "desktop", "desktop app",
    "desktop client", "client", "app", "pc client", "windows client", "app for windows", "setup",
    "installer", "machine wide installer", "user", "current user", "only current user", "remove only",
    "uninstall only", "安装程序", "安装包", "卸载", "english", "chinese", "simplified chinese",
    "chinese simplified", "zh cn", "zh hans", "zh tw", "en us", "en", "cn", "chs", "cht", "multilingual",
    "global", "international", "pro", "premium", "plus", "ultimate", "deluxe", "basic", "standard", "full",
    "demo", "canary", "insiders", "snapshot", "deluxe edition", "gold edition", "premium edition",
    "ultimate edition", "special edition", "complete edition", "definitive edition", "enhanced edition",
    "game of the year edition", "goty edition", "anniversary edition", "collector s edition", "remastered",
    "all users", "for all users", "per user", "machine wide", "system", "stand alone", "standalone",
    "windows store", "msi", "exe", "launcher version", "zh hant", "ja", "ko", "ru", "de", "fr", "es",
    "it", "pt br", "简中", "繁中", "汉化版", "中文绿色版", "单机版", "网络版", "免安装版", "安卓版",
    "手机版", "电脑版客户端", "windows客户端", "win客户端", "信创客户端", "统信uos版", "麒麟版", "龙芯版",
    "marketing edition", "business edition", "steam edition", "steam version", "game of the year", "legendary edition",
    "tm", "elamigos", "multi", "fitgirl repack", "dodi repack", "repack", "gog com", "gog", "codex", "rune", "skidrow",
    "reloaded", "razor 1911", "早期测试版", "豪华版", "至尊版", "普通版", "通用版", "共享版", "全功能版", "尊贵版", "定制版", "独立版",
    "ii", "iii", "iv", "vi", "vii", "viii", "launcher", "启动器", "登录器", "登陆器", "微端", "手游", "端游", "怀旧服", "国服",
    "国际服", "体验服", "测试服", "正式服", "经典服", "经典怀旧服", "怀旧版", "重制版", "年度版", "数字版", "数字豪华版", "典藏版", "收藏版", "决定版", "完全版",
    "终极版", "黄金版", "导演剪辑版", "硬盘版", "英文版", "日文版", "繁中版", "台服", "日服", "韩服", "美服", "亚服", "欧服", "官服", "b服", "渠道服",
    "微端版", "客户端版", "高清版", "3d版", "vr版", "电脑端版", "最新正式版", "trainer", "playtest", "early access", "open beta",
    "closed beta", "public test", "director s cut", "directors cut", "redux", "reforged", "hd", "vr", "steam",
    "epic games", "xbox", "game pass", "for windows 10", "for windows 11", "for windows 7", "for win10",
    "for win11", "web", "web app", "pwa", "网页版", "浏览器版", "community fork", "fork", "unofficial",
    "open source edition", "oss", "kde", "gtk", "qt", "qt5", "qt6", "electron", "tauri", "flatpak", "snap",
    "appimage", "nightly build", "dev build", "development build", "debug", "arm64 版", "x64 版", "x86 版",
    "digital deluxe edition", "digital deluxe", "联机版", "特别版", "合一版", "install", "安装",
    "версия", "online setup", "offline setup", "仅用于当前用户", "仅当前用户", "主程序", "更新程序", "update helper", "快捷方式", "官网",
    "by 423down", "423down com", "果核剥壳版", "lnk", "バージョン", "副本", "模拟器版", "multiplayer", "怀旧",
];

/// Words that stand before [`EDITION`] in any number and order, beside those that [`EDITIONS`] have there:
/// `全功能豪华版`, `去广告绿色版`.
#[rustfmt::skip]
const QUALITIES: &[&str] = &[
    "全功能", "去广告", "无广告", "免费", "绿色", "便携", "中文", "简体", "繁体", "多国语言", "多语言", "双语", "官方", "官网", "正式",
    "最新", "电脑", "桌面", "本地", "特别", "增强", "专业增强", "修改", "魔改", "美化", "懒人", "一键", "自用", "整合", "集成", "单文件",
    "免安装", "直装", "安装", "测试", "公测", "内测", "开源", "经典", "简易", "简洁", "轻量", "迷你", "完美", "无限制", "永久", "终身", "会员",
    "去升级", "去更新", "禁更新", "优化", "高速", "不限速", "无水印",
];
/// What an edition in Chinese ends in.
const EDITION: char = '版';
/// Characters of such an edition that are looked at.
pub(super) const COMPOSED: usize = 16;

static PARTS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let known = EDITIONS.iter().filter_map(|phrase| phrase.strip_suffix(EDITION));
    let of_ideographs = known.filter(|part| part.chars().count() > 1 && !part.is_ascii());
    of_ideographs.chain(QUALITIES.iter().copied()).collect()
});

/// Whether ideographs are an edition put together of known words.
pub(super) fn is_composed(ideographs: &str) -> bool {
    ideographs.strip_suffix(EDITION).is_some_and(of_parts)
}

fn of_parts(rest: &str) -> bool {
    let mut cuts = rest.char_indices().map(|(at, _)| at).skip(1).chain([rest.len()]);
    cuts.any(|at| {
        let Some((part, behind)) = rest.split_at_checked(at) else {
            return false;
        };
        PARTS.contains(part) && (behind.is_empty() || of_parts(behind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_are_put_together_of_known_words() {
        for text in [
            "全功能豪华版",
            "去广告绿色版",
            "中文免费版",
            "官方正式版",
            "绿色便携中文版",
        ] {
            assert!(is_composed(text), "{text}");
        }
        for text in [
            "版",
            "出版",
            "全功能",
            "破解版",
            "教师版",
            "绿色地图版",
            "视频版",
            "",
        ] {
            assert!(!is_composed(text), "{text}");
        }
    }
}
