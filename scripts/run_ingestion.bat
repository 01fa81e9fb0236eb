@echo off
rem Run po-ingest from SQL Server Agent (a step of type CmdExec), the Task Scheduler or a prompt, from any folder:
rem
rem     run_ingestion.bat                      the nightly run
rem     run_ingestion.bat nightly --strict     any command of po-ingest; arguments and exit code pass through
rem
rem The virtual environment (.venv) and po-ingest.toml are looked for beside this script, then in the folder above.
rem PO_INGEST_CONFIG and --config go before the po-ingest.toml found here.
rem
rem Double-clicked, its window stays for a minute, or until a key is pressed. Nothing waits for a key alone.
rem
rem Paths may hold blanks, ampersands, parentheses, percent and exclamation marks: so there are no blocks in
rem parentheses, no delayed expansion and no CALL (it would expand percent signs a second time) on this page.
setlocal EnableExtensions DisableDelayedExpansion

rem The job history and the log are UTF-8, whatever the server's code page is.
chcp 65001 >nul 2>&1
set "PYTHONUTF8=1"

set "PO_VENV=%~dp0.venv"
if exist "%PO_VENV%\Scripts\po-ingest.exe" goto environment
set "PO_VENV=%~dp0..\.venv"
if exist "%PO_VENV%\Scripts\po-ingest.exe" goto environment
>&2 echo po-ingest: error: no virtual environment with po-ingest at "%~dp0.venv" or "%PO_VENV%"; create one: py -m venv .venv, then .venv\Scripts\pip install with the folder of a clone, or a wheel
set "PO_CODE=2"
goto ended

:environment
if defined PO_INGEST_CONFIG goto activate
if exist "%~dp0po-ingest.toml" set "PO_INGEST_CONFIG=%~dp0po-ingest.toml"
if defined PO_INGEST_CONFIG goto activate
if exist "%~dp0..\po-ingest.toml" set "PO_INGEST_CONFIG=%~dp0..\po-ingest.toml"

:activate
rem What Scripts\activate.bat does, without its prompt; that file would also break once the folder has moved.
set "VIRTUAL_ENV=%PO_VENV%"
set "PATH=%PO_VENV%\Scripts;%PATH%"
set "PYTHONHOME="

if "%~1"=="" goto nightly
"%PO_VENV%\Scripts\po-ingest.exe" %*
exit /b %ERRORLEVEL%

:nightly
"%PO_VENV%\Scripts\po-ingest.exe" nightly
set "PO_CODE=%ERRORLEVEL%"

:ended
rem The Explorer calls cmd.exe /c ""path" ", with a blank that no scheduler writes. Should one do so all the same: where
rem there is no console, timeout.exe ends at once; where there is one, after a minute.
if not "%~1"=="" exit /b %PO_CODE%
set "PO_CALL=%CMDCMDLINE:"=?%"
if not "%PO_CALL:~-3%"=="? ?" exit /b %PO_CODE%
echo.
echo This window closes in a minute, or when a key is pressed.
"%SystemRoot%\System32\timeout.exe" /t 60 >nul 2>&1
exit /b %PO_CODE%
