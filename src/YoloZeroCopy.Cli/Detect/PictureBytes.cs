namespace YoloZeroCopy.Cli;

/// <summary>Reads a picture that is no file here into memory: standard input, and what a web server gives.</summary>
internal static class PictureBytes
{
    /// <summary>More than any picture of the size that is read should take.</summary>
    public const int Limit = 256 << 20;

    private const int StartBytes = 1 << 20;

    private static readonly TimeSpan WebTimeout = TimeSpan.FromMinutes(1);

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(InputItem item, CancellationToken stop)
    {
        if (item.Origin == InputOrigin.Url)
        {
            return await DownloadAsync(item, stop);
        }

        await using Stream input = Console.OpenStandardInput();
        try
        {
            // A console stream waits whatever the token says, so that it is left behind.
            return await ReadAsync(input, item.Source, stop).WaitAsync(stop);
        }
        catch (IOException error)
        {
            throw new MediaException(item.Source, $"standard input cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <exception cref="MediaException">It is longer than any picture.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(Stream stream, string name, CancellationToken stop)
    {
        byte[] bytes = new byte[StartBytes];
        int length = 0;
        while (true)
        {
            int read = await stream.ReadAsync(bytes.AsMemory(length), stop);
            length += read;
            if (read == 0)
            {
                return bytes.AsMemory(0, length);
            }

            if (length == bytes.Length)
            {
                if (length >= Limit)
                {
                    throw new MediaException(name, $"the picture has more than {Limit} bytes.");
                }

                Array.Resize(ref bytes, length * 2);
            }
        }
    }

    private static async Task<ReadOnlyMemory<byte>> DownloadAsync(InputItem item, CancellationToken stop)
    {
        using HttpClient client = new() { Timeout = WebTimeout };
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Get, item.Path);
            string? user = request.RequestUri?.UserInfo;
            if (!string.IsNullOrEmpty(user))
            {
                byte[] credentials = System.Text.Encoding.UTF8.GetBytes(Uri.UnescapeDataString(user));
                request.Headers.Authorization = new("Basic", Convert.ToBase64String(credentials));
            }

            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
            if (!response.IsSuccessStatusCode)
            {
                throw new MediaException(item.Source, $"the server answered {(int)response.StatusCode} ({response.ReasonPhrase}).");
            }

            await using Stream stream = await response.Content.ReadAsStreamAsync(stop);
            return await ReadAsync(stream, item.Source, stop);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or TaskCanceledException && !stop.IsCancellationRequested)
        {
            throw new MediaException(item.Source, $"the picture cannot be loaded: {error.Message}", error);
        }
    }
}
