return await YoloZeroCopy.Cli.Tool.RunAsync(args);
