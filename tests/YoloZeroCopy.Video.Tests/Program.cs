using YoloZeroCopy;
using YoloZeroCopy.Video.Tests;

// The option is how a test starts this program as a process of its own, to be killed; without it it runs its tests.
if (args is ["--read", string path, string ffmpeg])
{
    await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = ffmpeg });
    Console.WriteLine(reader.ProcessId);
    await Task.Delay(Timeout.Infinite);
}

return await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
