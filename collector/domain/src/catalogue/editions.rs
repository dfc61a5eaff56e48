//! What may follow a program's name without making it another program: architectures, systems, version
//! words, editions, languages.

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
    "优化版", "修正版", "32位版", "64位版", "统信版", "信创版", "for deepin", "deepin版", "uos版",
    "professional", "pro edition", "personal", "personal edition", "standard edition",
    "enterprise edition", "home edition", "free", "free edition", "community", "community edition",
    "ultimate edition", "trial", "lite", "portable", "portable edition", "desktop", "desktop app",
    "desktop client", "client", "app", "pc client", "windows client", "app for windows", "setup",
    "installer", "machine wide installer", "user", "current user", "only current user", "remove only",
    "uninstall only", "安装程序", "安装包", "卸载", "english", "chinese", "simplified chinese",
    "chinese simplified", "zh cn", "zh hans", "zh tw", "en us", "en", "cn", "chs", "cht", "multilingual",
    "global", "international",
];
