@echo off
rem Installs the Deskwarden agent on this PC without asking anything. Beside this file lie deskwarden-agent*.msi and
rem enrol.toml (collector, pin, token). Run it as administrator; it may be run again at any time.
rem Ends with msiexec's own code: 0 done, 3010 done (restart later), anything else is told.
setlocal
chcp 65001 >nul
set "HERE=%~dp0"
set "MSI="
pushd "%HERE%"
for %%F in (deskwarden-agent*.msi) do set "MSI=%HERE%%%F"
popd
if not defined MSI (
  echo 未找到 %HERE%deskwarden-agent*.msi / there is no package beside this file 1>&2
  exit /b 2
)
"%SystemRoot%\System32\msiexec.exe" /i "%MSI%" /qn /norestart
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="0" goto done
if "%CODE%"=="3010" goto done
if "%CODE%"=="1638" (
  echo 已安装同版本 / this version is installed already
  exit /b 0
)
echo 安装失败，代码 %CODE%。请以管理员身份运行；原因见事件查看器“应用程序”日志 Deskwarden。 1>&2
echo Not installed, code %CODE%. Run as administrator; the reason is in the application log, source Deskwarden. 1>&2
exit /b %CODE%
:done
echo 桌面巡检代理已安装 / the Deskwarden agent is installed
exit /b %CODE%
