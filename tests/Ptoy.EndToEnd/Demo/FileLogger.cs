using Microsoft.Extensions.Logging;

namespace Ptoy.EndToEnd.Demo;

/// <summary>Appends log lines to one file, so that the privacy scan can read what the services said.</summary>
public sealed class FileLoggerProvider(string path) : ILoggerProvider
{
    private readonly StreamWriter _writer = new(path, append: true) { AutoFlush = true };
    private readonly Lock _writing = new();

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new FileLogger(this, categoryName);

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    private sealed class FileLogger(FileLoggerProvider file, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            lock (file._writing) file._writer.WriteLine($"{DateTimeOffset.UtcNow:O} {logLevel} {category} {formatter(state, exception)} {exception}");
        }
    }
}
